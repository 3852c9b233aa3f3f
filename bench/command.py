"""The command line of the bench."""

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

import bench
from app.embedded import EmbeddedError
from bench import machine
from bench.result import Measured, Result, Row, RowFailed, Run, Verdict
from bench.rows import ROWS

ROW_S_MAX: Final = 60
QUICK_SIZE: Final = 0.1
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
FAILURES: Final = (
    RowFailed,
    EmbeddedError,
    SQLAlchemyError,
    OSError,
    subprocess.SubprocessError,
)
"""What fails one row and lets the others run."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the wanted rows; 0 when each of them ran and left a clean book, whatever its figure."""
    chosen = _parser().parse_args(arguments)
    if chosen.list:
        print(_listing())
        return 0
    unknown = [name for name in chosen.rows if name not in ROWS]
    if unknown:
        print(f"no row {', '.join(unknown)}; the rows are:\n{_listing()}", file=sys.stderr)
        return USAGE
    rows = [ROWS[name] for name in dict.fromkeys(chosen.rows)] or list(ROWS.values())
    if chosen.json is not None and not chosen.json.parent.is_dir():
        print(f"--json {chosen.json}: there is no directory {chosen.json.parent}", file=sys.stderr)
        return USAGE
    size = QUICK_SIZE if chosen.quick else 1.0
    # Whoever started us may have had SIGINT ignored; SIGTERM stops the children in order too.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.default_int_handler)
    try:
        results = _run(rows, size, chosen.json)
    except KeyboardInterrupt:
        _say("stopped; nothing is left running")
        return INTERRUPTED
    return FAILED if any(result.verdict is Verdict.FAILED for result in results) else 0


def _run(rows: Sequence[Row], size: float, file: Path | None) -> list[Result]:
    record: dict[str, object] = {"machine": machine.describe(), "rows": []}
    if size < 1:
        record["quick"] = True
        _say(f"quick: every row at {size:.0%} of its size, so its figure is no measurement")
    results: list[Result] = []
    earlier: dict[str, Measured] = {}
    for row in rows:
        result = _result(
            row,
            Run(
                size=size,
                ends_at=time.monotonic() + ROW_S_MAX,
                earlier=earlier,
                say=partial(_say_of, row),
            ),
        )
        if result.measured is not None:
            earlier[row.name] = result.measured
        results.append(result)
        print(result.line(), flush=True)
        if file is not None:
            record["rows"] = [each.record() for each in results]
            file.write_text(json.dumps(record, indent=2) + "\n")
    return results


def _result(row: Row, run: Run) -> Result:
    try:
        with _at_most(ROW_S_MAX):
            return Result(row=row, measured=row.measure(run))
    except FAILURES as error:
        return Result(row=row, measured=None, error=str(error))


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise RowFailed in the block when it takes longer; what it has opened is closed then."""

    def ring(_signum: int, _frame: FrameType | None) -> None:
        raise RowFailed(f"took longer than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./dev bench",
        description=bench.__doc__,
        epilog=f"rows:\n{_listing()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="what to measure (everything)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep a record of the run here")
    parser.add_argument("--list", action="store_true", help="show the rows and their goals")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a tenth of everything: shows that the rows work, and measures nothing",
    )
    return parser


def _listing() -> str:
    return "\n".join(f"  {row.name:<12} {row.what} ({row.goal})" for row in ROWS.values())


def _say_of(row: Row, told: str) -> None:
    _say(f"{row.name}: {told}")


def _say(told: str) -> None:
    print(told, file=sys.stderr, flush=True)
