"""Money is an integer number of nano-dollars; outside it is a decimal string. Never a float."""

import re
from typing import Final

NANOS_PER_DOLLAR: Final = 1_000_000_000
DOLLARS_MAX: Final = 9_000_000_000
"""The largest amount in dollars: what a BIGINT of nano-dollars can hold, rounded down."""

_DECIMAL: Final = re.compile(r"(\d{1,40})(?:\.(\d{1,9}))?", re.ASCII)
"""More digits than fit are let through so far, so that they are refused as too large."""


def parse_dollars(text: str) -> int:
    """Turn a decimal string of US dollars ("12.5") into nano-dollars.

    Raises ValueError with a sentence for signs, exponents, floats, more than nine decimals and
    amounts past DOLLARS_MAX.
    """
    match = _DECIMAL.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is not an amount in dollars like 12.50 (at most nine decimals)")
    whole, fraction = int(match[1]), (match[2] or "").ljust(9, "0")
    nanos = whole * NANOS_PER_DOLLAR + int(fraction)
    if nanos > DOLLARS_MAX * NANOS_PER_DOLLAR:
        raise ValueError(f"{text!r} is more than {DOLLARS_MAX} dollars")
    return nanos


def format_dollars(nanos: int) -> str:
    """Turn nano-dollars into a decimal string of dollars with two to nine decimals."""
    sign, whole = ("-" if nanos < 0 else ""), abs(nanos) // NANOS_PER_DOLLAR
    fraction = f"{abs(nanos) % NANOS_PER_DOLLAR:09d}"
    return f"{sign}{whole}.{fraction[:2]}{fraction[2:].rstrip('0')}"
