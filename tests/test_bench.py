"""The bench: its rows and their docs agree, its records have one shape, its arguments are checked.

What it measures is never asserted: a figure depends on the machine and on who else uses it.
"""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from app.settings import child_environment
from bench import bodies, command, load
from bench.cost import Spent
from bench.load import Plan
from bench.result import Measured, Result, Verdict
from bench.rows import ROWS

ROOT: Final = Path(__file__).resolve().parents[1]
DOCS: Final = ROOT / "docs" / "benchmarks.md"
RUN_S: Final = 90.0

MEASURED: Final = Measured(
    figure=2_710.0,
    operations=21_680,
    seconds=8.0,
    about="web",
    spent=Spent(
        cpu_ms={"web": 0.31, "postgres": 0.12, "simulator": 5.0, "client": 0.05}, other_cores=0.1
    ),
    rss_mb={"web": 120.5},
    commit_ms=0.7,
    p50_ms=11.0,
    p99_ms=31.0,
)


def bench(*arguments: str, state_dir: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Run the bench as `./dev bench` does."""
    own = {} if state_dir is None else {"BUSBAR_STATE_DIR": str(state_dir)}
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env=child_environment(own),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )


def test_the_docs_show_every_row_with_its_goal() -> None:
    """The table of docs/benchmarks.md names the rows of the bench, in order, with their goals."""
    goals = DOCS.read_text().partition("## Results")[0]
    table = re.findall(r"^\| `([a-z-]+)` \| [^|]+ \| ([^|]+?) \|", goals, re.MULTILINE)
    assert table == [(row.name, row.goal) for row in ROWS.values()]


def test_a_record_has_the_promised_shape() -> None:
    """A row's record carries figure, unit, target, percentiles, CPU of the gateway, and memory."""
    record = Result(row=ROWS["accept"], measured=MEASURED).record()
    wanted = {
        "row": "accept",
        "verdict": "ok",
        "figure": 2_710.0,
        "unit": "/s",
        "target": 2_500,
        "p50_ms": 11.0,
        "p99_ms": 31.0,
        "cpu_ms_per_op": 0.43,
        "rss_mb": 120.5,
    }
    assert {name: record[name] for name in wanted} == wanted
    json.dumps(record)


@pytest.mark.parametrize(
    ("row", "changes", "verdict"),
    [
        ("accept", {}, Verdict.OK),
        ("accept", {"figure": 2_499.0}, Verdict.BELOW),
        ("accept", {"p99_ms": 50.0}, Verdict.BELOW),
        ("latency", {"figure": 8.0, "p99_ms": 25.0}, Verdict.OK),
        ("latency", {"figure": 8.1, "p99_ms": 25.0}, Verdict.BELOW),
        ("hot-account", {"more": {"share_of_batch": 0.89}}, Verdict.BELOW),
        ("waiters", {"figure": 100.0, "target": 100.0}, Verdict.OK),
        ("waiters", {"rss_mb": {"web": 250.0}}, Verdict.BELOW),
        ("waiters", {"rss_mb": {}}, Verdict.OK),
    ],
)
def test_a_row_is_ok_when_every_goal_is_met(
    row: str, changes: dict[str, Any], verdict: Verdict
) -> None:
    """Each goal counts, on the side its sign says, unless the system cannot tell the value."""
    assert Result(row=ROWS[row], measured=replace(MEASURED, **changes)).verdict is verdict


def test_a_failed_row_says_why() -> None:
    """A row without a figure carries its error, in the line and in the record."""
    failed = Result(row=ROWS["sync"], measured=None, error="the doctor found 1 wrong")
    assert "the doctor found 1 wrong" in failed.line()
    assert failed.record() == {
        "row": "sync",
        "verdict": "failed",
        "error": "the doctor found 1 wrong",
    }


def test_an_unknown_row_is_answered_with_the_rows() -> None:
    """An unknown row exits with 2, names it, and lists those there are."""
    done = bench("accept", "warp-speed")
    assert done.returncode == 2
    assert "no row warp-speed" in done.stderr
    assert all(name in done.stderr for name in ROWS)


def test_the_list_names_every_row() -> None:
    """`--list` shows the rows with their goals and runs nothing."""
    done = bench("--list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(ROWS)


def test_a_record_that_cannot_be_kept_is_refused_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A --json file in no directory is refused with 2 before anything is measured."""
    assert command.main(["accept", "--json", str(tmp_path / "none" / "record.json")]) == 2
    assert "there is no directory" in capsys.readouterr().err


def test_bodies_have_one_size_and_differ() -> None:
    """Every chat body has the size the docs name, and another number makes another prompt."""
    first, second = bodies.dumped(bodies.chat(1)), bodies.dumped(bodies.chat(11_999))
    assert len(first) == len(second) == bodies.BODY_BYTES
    assert first != second


def test_a_plan_survives_its_line() -> None:
    """The load generator reads the very plan that its parent wrote."""
    plan = Plan(port=1, request=b"\x00POST\r\n\r\n", connections=2, status=202, seconds=1.5)
    assert load.plan_of(plan.line()) == plan


def test_percentiles_are_times_that_were_seen() -> None:
    """The 99th percentile of 100 times is the 99th, and that of one is itself."""
    assert load.percentile([float(n) for n in range(100, 0, -1)], 99) == 99.0
    assert load.percentile([7.0], 50) == 7.0


@pytest.mark.e2e
def test_a_row_runs_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """A quick `sync` goes through real servers, submitter, worker and simulator, and ends clean."""
    file, state_dir = tmp_path / "record.json", tmp_path / "state"
    done = bench("sync", "--quick", "--json", str(file), state_dir=state_dir)
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads(file.read_text())
    assert {"cpu", "cores", "memory", "python", "kernel", "date"} <= record["machine"].keys()
    assert record["quick"] is True
    (row,) = record["rows"]
    assert row["row"] == "sync"
    assert row["operations"] > 0
    assert row["doctor_findings"] == 0
    assert "doctor clean" in done.stdout
    assert list(state_dir.iterdir()) == []
    assert carrying(f"BUSBAR_STATE_DIR={state_dir}") == []


def carrying(variable: str) -> list[int]:
    """Return the processes that have a variable in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if variable.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:  # it ended meanwhile, or is somebody else's
            continue
    return found
