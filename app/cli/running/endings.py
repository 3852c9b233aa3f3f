"""How a run ends early: what is said, with the way out, and the exit code."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from textwrap import fill
from typing import Final, NoReturn

from app.cli.client.answers import Balance, Refused
from app.cli.client.session import Unreachable
from app.cli.running.kept.plan import Plan
from app.cli.running.kept.results import Results
from app.cli.running.loop import OutOfBalance
from app.cli.running.progress import dollars
from app.cli.running.reading.reasons import Reasons
from app.cli.running.stops import BadLines, RefusedLines, Stop
from app.cli.terminal import failing

INTERRUPTED: Final = 130
RESUMES: Final = "The same command resumes."
MEND: Final = "Mend them in their place, and the same command sends only them."
WIDTH: Final = 100
"""Characters of a line on stderr that lists many numbers."""

_KEY_STATUSES: Final = (401, 403)
_PAYMENT_REQUIRED: Final = 402


@contextmanager
def told() -> Iterator[None]:
    """Turn every way a run may fail into words on stderr and an exit code."""
    try:
        yield
    except Stop as stop:
        if isinstance(stop, RefusedLines):
            _list(stop.refusals, ":")
        elif isinstance(stop, BadLines):
            _list(stop.faults)
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


def interrupted(results: Results, plan: Plan) -> NoReturn:
    """End what a person stopped."""
    done = f"interrupted with {results.done:,} of {plan.lines:,} done"
    rest = "What was submitted goes on at the gateway."
    failing.fail(f"{done}. {rest} {RESUMES}", INTERRUPTED)


def out_of_balance(error: OutOfBalance, results: Results, plan: Plan, *, remedy: str) -> NoReturn:
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
    if not results.failed:
        return
    _say(f"busbar: {results.failed:,} of {plan.lines:,} lines failed:")
    for code, times in results.failures.most_common():
        _say(f"  {times:,} x {code}: {results.examples[code]}")


def refusals(results: Results, plan: Plan) -> None:
    """Say on stderr which lines the gateway did not take, and what to do about them."""
    if not results.refused:
        return
    _say(f"busbar: the gateway refused {results.refused:,} of {plan.lines:,} lines:")
    _list(results.refusals, ":")
    _say(f"  They cost nothing. {MEND}")


def left_out(results: Results, plan: Plan) -> None:
    """Say on stderr which lines could not be used and were not sent."""
    if not results.unusable:
        return
    _say(f"busbar: left out {results.unusable:,} of {plan.lines:,} lines, which cannot be used:")
    _list(results.faults)
    _say(f"  {MEND}")


def _list(reasons: Reasons, after_one: str = "") -> None:
    """List every line; one wrong option spoils hundreds, so those alike stand together."""
    for what, numbers in reasons.alike.items():
        is_one = len(numbers) == 1
        named = f"line {numbers[0]}{after_one}" if is_one else f"lines {_ranges(numbers)}:"
        # What fits on a line stays on it; a long list of numbers has lines of its own.
        _say(f"  {named} {what}" if len(named) < WIDTH else f"{_wrapped(named)}\n    {what}")
    if reasons.further:
        _say(_wrapped(f"lines {_ranges(reasons.further)}: for still other reasons"))


def _wrapped(text: str) -> str:
    return fill(text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)


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
    if balance is None or not results.succeeded:
        return 0
    needed = -(-results.cost_nanos * left // results.succeeded)
    return max(0, needed - balance.available_nanos)


def _refused(error: Refused) -> NoReturn:
    if error.status in _KEY_STATUSES:
        failing.fail(f"the gateway refuses the key. {error}", failing.AUTH)
    if error.status == _PAYMENT_REQUIRED:
        failing.fail(f"{error} {RESUMES}", failing.OUT_OF_BALANCE)
    failing.fail(f"the gateway refuses ({error.status}). {error}", failing.FAILED)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201  the command's own voice
