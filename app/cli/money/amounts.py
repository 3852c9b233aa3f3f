"""Amounts and times as operators type them; one that cannot be ends the command with the way out.

The commands that take them let options through that they do not know, so that an amount like -5 is
refused as what it is.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app.cli.terminal import failing
from app.domain.money import parse_dollars
from app.services.operate.credit import Expiry, Lasting

LENIENT: Final[dict[str, Any]] = {"ignore_unknown_options": True}
YEAR_MAX: Final = 9_000
NEVER: Final = "never"
OFF: Final = "off"

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_PERIOD: Final = re.compile(r"([1-9]\d{0,5})([mhd])", re.ASCII)


def positive(text: str, *, command: str, thing: str, example: str) -> int:
    """Return an amount above nothing, in nano-dollars."""
    is_negative = text.startswith("-")
    nanos = _nanos(text.removeprefix("-"), text, command=command)
    if is_negative or nanos == 0:
        told = f"{thing} is more than nothing, not {text}; `busbar {example}"
        failing.fail(told, failing.USAGE)
    return nanos


def signed(text: str, *, command: str) -> int:
    """Return an amount to give, or with a minus to take, in nano-dollars."""
    sign, plain = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    nanos = sign * _nanos(plain, text, command=command)
    if nanos == 0:
        failing.fail(f"{text} changes nothing; send an amount like 12.50 or -12.50", failing.USAGE)
    return nanos


def limit(text: str, *, option: str) -> int | None:
    """Return a limit in nano-dollars, which may be nothing at all; None for `off`."""
    if text == OFF:
        return None
    try:
        return parse_dollars(text)
    except ValueError as error:
        failing.fail(f"{option}: {error}, nor `{OFF}`", failing.USAGE)


def period(text: str, *, option: str) -> timedelta:
    """Return how long a period like 4h or 30d lasts."""
    lasting = _after(text)
    if lasting is None:
        failing.fail(f"{option}: {text!r} is no period like 10m, 4h or 30d", failing.USAGE)
    return lasting


def expiry(text: str | None) -> Expiry:
    """Return when a lot expires: after a period, at a moment, never, or as usual."""
    if text is None or text == NEVER:
        return Lasting.USUAL if text is None else None
    after = _after(text)
    if after is not None:
        return after
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.year > YEAR_MAX:
        failing.fail(
            f"--expires: {text!r} is no period like 4h or 30d, no time like 2026-12-31 or "
            f"2026-12-31T18:00Z, nor `{NEVER}`",
            failing.USAGE,
        )
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _after(text: str) -> timedelta | None:
    match = _PERIOD.fullmatch(text)
    return None if match is None else timedelta(**{_UNITS[match[2]]: int(match[1])})


def _nanos(plain: str, text: str, *, command: str) -> int:
    try:
        return parse_dollars(plain)
    except ValueError as error:
        is_option = text.startswith("-") and not text[1:2].isdecimal()
        option = f"there is no option {text}; `busbar {command} --help` lists them"
        failing.fail(option if is_option else str(error), failing.USAGE)
