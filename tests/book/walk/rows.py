"""What the oracle keeps, rows as plain dicts, and its arithmetic on them."""

from collections.abc import Sequence
from typing import Final, TypedDict

INPUT_NANOS: Final = 500_000_003
OUTPUT_NANOS: Final = 1_999_999_999
"""Nano-dollars per million tokens: odd ones, so that there is something to round."""

SENT_MAX: Final = 109
"""The bound of the prompt all jobs have."""

INSTRUMENT: Final = "text-prime"


End = tuple[int, str] | None
"""When a lot ends: the hours of its life, which no walk outlasts, and the lot it took them from.
None for never."""


class Lot(TypedDict):
    """A credit; `taken` is the part of what is used that operators took back."""

    name: str
    account: str
    amount: int
    used: int
    taken: int
    held: int
    tokens: int | None
    tokens_used: int
    instrument: str | None
    ends: End
    expired: bool


class Part(TypedDict):
    """What a lot gives to a hold."""

    lot: str
    nanos: int
    tokens: int | None


class Job(TypedDict):
    """A job: `new running pending` (with a hold, between attempts), or how it ended.

    `is_late`: its deadline has passed. `paid` is what each lot paid for it.
    """

    account: str
    out: int
    state: str
    attempt: int
    parts: list[Part]
    caps: list[str]
    cancel: bool
    is_late: bool
    deaths: int
    failures: int
    cost: int | None
    paid: dict[str, int]
    refunded: int


class Cap(TypedDict):
    """A cap with what is held and spent in its only window."""

    account: str
    limit: int
    held: int
    spent: int
    removed: bool


def price(sent: int, got: int) -> int:
    """What so many tokens cost, rounded up."""
    return -(-(sent * INPUT_NANOS + got * OUTPUT_NANOS) // 1_000_000)


def rest(sent: int, got: int, covered: int) -> int:
    """What they cost when the first of them, input before output, are paid for already."""
    return price(max(0, sent - covered), got - max(0, covered - sent))


def lasting(ends: End) -> tuple[bool, tuple[int, str]]:
    """Sort by when lots end, those that never do last."""
    return ends is None, ends or (0, "")


def room(lot: Lot) -> int:
    """What a lot has for a new hold."""
    return lot["amount"] - lot["used"] - lot["held"]


def tokens_left(lot: Lot) -> int:
    """How many tokens a lot has for a new hold: never more than its room pays for."""
    assert lot["tokens"] is not None
    by_worth = room(lot) * lot["tokens"] // lot["amount"]
    held_tokens = lot["held"] * lot["tokens"] // lot["amount"]
    return max(0, min(by_worth, lot["tokens"] - lot["tokens_used"] - held_tokens))


def held(job: Job) -> int:
    """What a job's hold comes to."""
    return total(job["parts"])


def total(parts: Sequence[Part]) -> int:
    """What parts come to."""
    return sum(part["nanos"] for part in parts)
