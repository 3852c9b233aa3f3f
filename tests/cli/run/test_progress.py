"""What a person sees while a run is under way."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from app.cli.client.answers import Balance, JobSeen
from app.cli.running.kept.results import Results
from app.cli.running.progress import ETA_AFTER, Progress, dollars
from app.cli.running.reading.records import LineFault
from app.domain.money import parse_dollars

BALANCE = Balance(available_nanos=parse_dollars("4.5"), held_nanos=0, spent_nanos=0)
TOTAL = 200


def results_of(folder: Path, done: int, failed: int = 0, collected: int = 0) -> Results:
    """Return results of which some are there, and some of these of jobs that had ended before."""
    results = Results(folder / "results.jsonl", lines=TOTAL)
    for index in range(done):
        is_old = index < collected
        results.add(index, seen(index, is_failed=index < failed), had_ended=is_old)
    return results


def seen(index: int, *, is_failed: bool = False) -> JobSeen:
    """Return a finished job."""
    return JobSeen(
        id=f"job_{index}",
        status="failed" if is_failed else "succeeded",
        reason=None,
        custom_id=None,
        usage=None,
        cost=None if is_failed else "0.01",
        response=None,
        error={"code": "x", "message": "y"} if is_failed else None,
    )


def shown(folder: Path, *, terminal: bool, waiting: int = 0, trouble: str | None = None) -> str:
    """Return what is written while half of a run gets done."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100, highlight=False)
    results = results_of(folder, TOTAL // 2, failed=3)
    with Progress(console, total=TOTAL, done=0, remedy="busbar deposit demo AMOUNT") as progress:
        progress.show(results, BALANCE, waiting_for_balance=waiting)
        progress.trouble(trouble)
    results.close()
    return file.getvalue()


def test_a_bar_tells_counts_failures_and_money(tmp_path: Path) -> None:
    """On a terminal: done of total, failures, what was spent and what is left."""
    text = shown(tmp_path, terminal=True)
    for part in ("100/200", "3 failed", "$0.9700 spent", "$4.5000 in balance"):
        assert part in text


def test_a_line_tells_the_same_where_there_is_no_terminal(tmp_path: Path) -> None:
    """Elsewhere one plain line, without colours or cursor movements."""
    text = shown(tmp_path, terminal=False)
    assert text.startswith("100/200 done, ")
    assert text.endswith("3 failed, $0.9700 spent, $4.5000 in balance\n")
    assert "\x1b" not in text


def test_waiting_for_balance_comes_with_the_remedy(tmp_path: Path) -> None:
    """Whoever watches learns what to do."""
    text = shown(tmp_path, terminal=False, waiting=7)
    assert text.endswith("7 waiting for balance: busbar deposit demo AMOUNT\n")


def test_trouble_with_the_gateway_is_shown(tmp_path: Path) -> None:
    """A gateway that restarts is not mistaken for a slow one."""
    text = shown(tmp_path, terminal=True, trouble="http://x does not answer; trying again")
    assert "http://x does not answer; trying again" in text


def test_the_time_left_is_guessed_once_there_is_a_rate(tmp_path: Path) -> None:
    """After enough results of this session, from the rate they came at."""
    file, now = io.StringIO(), 0.0
    results = results_of(tmp_path, ETA_AFTER - 1)
    console = Console(file=file, width=100)
    with Progress(console, total=TOTAL, done=0, remedy="", clock=lambda: now) as progress:
        now = 10.0
        progress.show(results, BALANCE, waiting_for_balance=0)
        assert "29/200 done, 2.9/s, 0 failed" in file.getvalue()
        results.add(ETA_AFTER - 1, seen(ETA_AFTER - 1))
        now = 20.0
        progress.show(results, BALANCE, waiting_for_balance=0)
    results.close()
    assert "30/200 done, 0.9/s, 3 m 20 s left" in file.getvalue()


@pytest.mark.parametrize("terminal", [False, True])
def test_the_end_tells_the_rate_of_the_whole_session(tmp_path: Path, terminal: bool) -> None:  # noqa: FBT001  as pytest hands it in
    """However long the last lines took, the last word is how fast it went and for how long.

    What was over before counts for nothing.
    """
    now = 0.0
    file, results = io.StringIO(), results_of(tmp_path, TOTAL, collected=100)
    console = Console(file=file, force_terminal=terminal, width=120, highlight=False)
    with Progress(console, total=TOTAL, done=0, remedy="", clock=lambda: now) as progress:
        now = 2.0
        progress.show(results, BALANCE, waiting_for_balance=0)
        now = 80.0
        progress.show(results, BALANCE, waiting_for_balance=0)
    results.close()
    last = file.getvalue().rpartition("/s")
    assert last[0].endswith("1.2")
    assert last[2].startswith(" over 1 m 20 s, 0 failed")


def test_no_time_is_guessed_while_nothing_finishes(tmp_path: Path) -> None:
    """A rate that fades away says nothing about the end; how long it has been quiet does."""
    now = 0.0
    file, results = io.StringIO(), results_of(tmp_path, TOTAL // 2)
    console = Console(file=file, width=120)
    with Progress(console, total=TOTAL, done=0, remedy="", clock=lambda: now) as progress:
        now = 10.0
        progress.show(results, BALANCE, waiting_for_balance=0)
        now = 24.0
        progress.show(results, BALANCE, waiting_for_balance=0)
        assert "s left" in file.getvalue().splitlines()[-1]
        now = 31.0
        progress.show(results, BALANCE, waiting_for_balance=0)
        last = file.getvalue().splitlines()[-1]
    results.close()
    assert last.startswith("100/200 done, nothing finished for 21 s, 0 failed")


@pytest.mark.parametrize("terminal", [False, True])
def test_a_limit_is_told_once(tmp_path: Path, terminal: bool) -> None:  # noqa: FBT001  as pytest hands it in
    """However often the run waits for it; the bar or the lines go on after it."""
    file, results = io.StringIO(), results_of(tmp_path, 1)
    console = Console(file=file, force_terminal=terminal, width=100, highlight=False)
    with Progress(console, total=TOTAL, done=0, remedy="") as progress:
        for _ in range(3):
            progress.limited("20 requests a minute")
            progress.show(results, BALANCE, waiting_for_balance=0)
    results.close()
    told, _, after = file.getvalue().partition("(20 requests a minute)")
    assert told.endswith("busbar: waiting for the rate limit of this key ")
    assert "waiting" not in after
    assert "1/200" in after


def test_refused_lines_are_counted_apart(tmp_path: Path) -> None:
    """They are done, and they are no failures of a job."""
    file = io.StringIO()
    results = results_of(tmp_path, 3, failed=1)
    fault = LineFault(number=4, what="model: no")
    results.refuse(3, fault, custom_id=None, code="invalid_request")
    with Progress(Console(file=file, width=120), total=TOTAL, done=0, remedy="") as progress:
        progress.show(results, BALANCE, waiting_for_balance=0)
    results.close()
    assert file.getvalue().startswith("4/200 done, ")
    assert "1 failed, 1 refused, $0.0200 spent" in file.getvalue()


def test_small_amounts_are_not_shown_as_nothing() -> None:
    """Amounts are rounded up to what is shown."""
    assert [dollars(nanos) for nanos in (0, 1, 1_234_500_000, -1)] == [
        "$0.0000",
        "$0.0001",
        "$1.2345",
        "-$0.0001",
    ]
