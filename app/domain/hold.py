"""A hold sets money aside for one job; settling it captures a part and releases the rest."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.domain.lots import Lot, Part, draw, draw_tokens
from app.domain.pricing import Price, Usage, cost, uncovered


class HoldState(StrEnum):
    """A hold is open until exactly one settlement closes it."""

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"


class HoldMode(StrEnum):
    """How much an account's jobs set aside: their whole bound, or what like prompts have needed."""

    BOUND = "bound"
    CALIBRATED = "calibrated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What a job may cost at most, the lots it draws from, and the price it was made at.

    `caps` are the ids of the caps in whose windows it is reserved.
    """

    job_id: str
    account_id: str
    price: Price
    parts: tuple[Part, ...]
    caps: tuple[str, ...] = ()

    @property
    def nanos(self) -> int:
        """The whole of the hold."""
        return sum(part.nanos for part in self.parts)

    @property
    def lot_ids(self) -> tuple[str, ...]:
        """The lots it draws from."""
        return tuple(part.lot_id for part in self.parts)

    @property
    def has_tokens(self) -> bool:
        """True when lots of tokens are a part of it."""
        return any(part.tokens is not None for part in self.parts)


def draw_parts(
    token_lots: Iterable[Lot], money_lots: Iterable[Lot], bound: Usage, price: Price
) -> tuple[Part, ...] | None:
    """Choose what lots give toward a call of at most `bound` tokens; None when they fall short.

    Lots of tokens first, for input and then for output; money pays for the rest at the price.
    """
    of_tokens = draw_tokens(token_lots, bound.input_tokens + bound.output_tokens)
    rest = uncovered(bound, sum(part.tokens or 0 for part in of_tokens))
    of_money = draw(money_lots, cost(rest, price))
    return None if of_money is None else of_tokens + of_money


class Kind(StrEnum):
    """How a lot pays: from the hold, above it, or not at all, for want of one."""

    CAPTURE = "capture"
    OVERRUN = "overrun"
    SHORTFALL = "shortfall"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What becomes of one lot's part of a hold: `captured` is spent, the rest goes back.

    An overrun had nothing held; a shortfall has no lot. `tokens` are what a lot of tokens gave.
    """

    lot_id: str | None
    held_nanos: int
    captured_nanos: int
    tokens: int = 0
    kind: Kind = Kind.CAPTURE


def capture(hold: Hold, cost_nanos: int) -> tuple[Capture, ...]:
    """Split each part of a hold of money into spent and given back, spending in drawing order.

    Never captures more than was held: what a call cost above its hold is `Till`'s to book. Holds
    with lots of tokens can be given back whole this way, not spent.
    """
    assert cost_nanos == 0 or not hold.has_tokens
    left = min(cost_nanos, hold.nanos)
    captures = []
    for part in hold.parts:
        spent = min(left, part.nanos)
        left -= spent
        captures.append(Capture(lot_id=part.lot_id, held_nanos=part.nanos, captured_nanos=spent))
    return tuple(captures)
