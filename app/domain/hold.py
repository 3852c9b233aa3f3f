"""A hold sets money aside for one job; settling it captures a part and releases the rest."""

from dataclasses import dataclass
from enum import StrEnum

from app.domain.lots import Part
from app.domain.pricing import Price


class HoldState(StrEnum):
    """A hold is open until exactly one settlement closes it."""

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What a job may cost at most, the lots it draws from, and the price it was made at."""

    job_id: str
    account_id: str
    price: Price
    parts: tuple[Part, ...]

    @property
    def nanos(self) -> int:
        """The whole of the hold."""
        return sum(part.nanos for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What becomes of one lot's part of a hold: `captured` is spent, the rest goes back."""

    lot_id: str
    held_nanos: int
    captured_nanos: int


def capture(hold: Hold, cost_nanos: int) -> tuple[Capture, ...]:
    """Split each part of the hold into spent and given back, spending in drawing order.

    Never captures more than was held: what a call cost above its hold is the caller's to book.
    """
    left = min(cost_nanos, hold.nanos)
    captures = []
    for part in hold.parts:
        spent = min(left, part.nanos)
        left -= spent
        captures.append(Capture(lot_id=part.lot_id, held_nanos=part.nanos, captured_nanos=spent))
    return tuple(captures)
