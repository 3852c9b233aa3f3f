"""What a person sees while a run is under way."""

import io
from pathlib import Path

from rich.console import Console

from app.cli.client.answers import Balance, JobSeen
from app.cli.running.progress import ETA_AFTER, Progress, dollars
from app.cli.running.results import Results
from app.domain.money import parse_dollars

BALANCE = Balance(available_nanos=parse_dollars("4.5"), held_nanos=0, spent_nanos=0)
TOTAL = 200


def results_of(folder: Path, done: int, failed: int = 0) -> Results:
    """Return results of which some are there."""
    results = Results(folder / "results.jsonl", lines=TOTAL)
    for index in range(done):
        results.add(index, seen(index, is_failed=index < failed))
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


def test_small_amounts_are_not_shown_as_nothing() -> None:
    """Amounts are rounded up to what is shown."""
    assert [dollars(nanos) for nanos in (0, 1, 1_234_500_000, -1)] == [
        "$0.0000",
        "$0.0001",
        "$1.2345",
        "-$0.0001",
    ]
