"""How a run ends early: what is said, with the way out, and the exit code."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Final

from app.cli.client.answers import Balance, Refused
from app.cli.client.session import Unreachable
from app.cli.running.journal import Plan
from app.cli.running.loop import OutOfBalance
from app.cli.running.progress import dollars
from app.cli.running.results import Results
from app.cli.running.stops import BadLines, RefusedLines, Stop
from app.cli.terminal import failing

INTERRUPTED: Final = 130
RESUMES: Final = "The same command resumes."

_KEY_STATUSES: Final = (401, 403)
_PAYMENT_REQUIRED: Final = 402


@contextmanager
def told() -> Iterator[None]:
    """Turn every way a run may fail into words on stderr and an exit code."""
    try:
        yield
    except Stop as stop:
        if isinstance(stop, BadLines):
            _list(stop)
        failing.fail(str(stop), stop.exit_code)
    except Refused as error:
        _refused(error)
    except Unreachable as error:
        failing.fail(f"{error}. {RESUMES}", failing.FAILED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        failing.fail(f"{where}{error.strerror or error}", failing.FAILED)
    except KeyboardInterrupt:
        failing.fail(f"interrupted. {RESUMES}", INTERRUPTED)


def interrupted(results: Results, plan: Plan) -> None:
    """End what a person stopped."""
    done = f"interrupted with {results.done:,} of {plan.lines:,} done"
    rest = "What was submitted goes on at the gateway."
    failing.fail(f"{done}. {rest} {RESUMES}", INTERRUPTED)


def out_of_balance(error: OutOfBalance, results: Results, plan: Plan, *, remedy: str) -> None:
    """End what lacks money, and say how much if the lines so far allow a guess."""
    left = plan.lines - results.done
    has = f", {dollars(error.balance.available_nanos)} in balance" if error.balance else ""
    missing = _missing_nanos(error.balance, results, left)
    guess = f"By the cost so far about {dollars(missing)} is missing. " if missing else ""
    failing.fail(
        f"out of balance: {left:,} of {plan.lines:,} lines are not done{has}. "
        f"{guess}Deposit with `{remedy}`. {RESUMES}",
        failing.OUT_OF_BALANCE,
    )


def failures(results: Results, plan: Plan) -> None:
    """Say on stderr which errors ended lines, most frequent first."""
    _say(f"busbar: {results.failed:,} of {plan.lines:,} lines failed:")
    for code, times in results.failures.most_common():
        _say(f"  {times:,} x {code}: {results.examples[code]}")


def _list(stop: BadLines) -> None:
    """List faulty lines; one option the gateway refuses spoils hundreds, so those share a line."""
    if isinstance(stop, RefusedLines):
        for what, group in groupby(stop.faults, key=lambda fault: fault.what):
            _say(f"  line {_ranges([fault.number for fault in group])} {what}")
    else:
        for fault in stop.faults:
            _say(f"  line {fault.number} {fault.what}")
    if stop.total > len(stop.faults):
        _say(f"  … and {stop.total - len(stop.faults):,} more")


def _ranges(numbers: Sequence[int]) -> str:
    """Return "5-9, 12" for the lines 5 to 9 and 12."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def _missing_nanos(balance: Balance | None, results: Results, left: int) -> int:
    succeeded = results.done - results.failed
    if balance is None or not succeeded:
        return 0
    return max(0, -(-results.cost_nanos * left // succeeded) - balance.available_nanos)


def _refused(error: Refused) -> None:
    if error.status in _KEY_STATUSES:
        failing.fail(f"the gateway refuses the key. {error}", failing.AUTH)
    if error.status == _PAYMENT_REQUIRED:
        failing.fail(f"{error} {RESUMES}", failing.OUT_OF_BALANCE)
    failing.fail(f"the gateway refuses ({error.status}). {error}", failing.FAILED)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201  the command's own voice
