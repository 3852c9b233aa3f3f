"""Lots: credits with their own life. Which lots a hold draws from, and what it leaves behind.

A lot of tokens was bought at a flat price: what a draw from it costs is the difference of what all
its tokens cost up to here, rounded down, before and after. So all draws together cost the lot.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """One credit: `amount = used + held + what is available`, all in nano-dollars.

    A lot of tokens has `tokens`, input and output alike, which cost its amount together.
    """

    id: str
    account_id: str
    amount_nanos: int
    used_nanos: int
    held_nanos: int
    created_at: datetime
    expires_at: datetime | None
    instrument: str | None
    tokens: int | None = None
    tokens_used: int = 0

    @property
    def available_nanos(self) -> int:
        """What a new hold may still draw."""
        return self.amount_nanos - self.used_nanos - self.held_nanos

    @property
    def available_tokens(self) -> int:
        """How many tokens a new hold may still draw; none from a lot of money.

        A hold is rounded up to nano-dollars, so what is held may stand for a few tokens more than
        were asked for where a token costs less than one. Neither bound alone is safe then.
        """
        if self.tokens is None:
            return 0
        worth = self.available_nanos * self.tokens // self.amount_nanos
        left = self.tokens - self.tokens_used - self.held_nanos * self.tokens // self.amount_nanos
        return max(0, min(worth, left))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one lot gives to one hold, in nano-dollars; a lot of tokens gives `tokens` for them."""

    lot_id: str
    nanos: int
    tokens: int | None = None


def draw_tokens(lots: Iterable[Lot], tokens: int) -> tuple[Part, ...]:
    """Choose what lots of tokens give toward `tokens`, in the given order, as far as they go."""
    parts: list[Part] = []
    for lot in lots:
        give = min(tokens, lot.available_tokens)
        if give > 0:
            parts.append(Part(lot_id=lot.id, nanos=_held_nanos(lot, give), tokens=give))
            tokens -= give
    return tuple(parts)


def draw(lots: Iterable[Lot], nanos: int) -> tuple[Part, ...] | None:
    """Choose what each lot gives toward `nanos`, in the given order; None when they fall short."""
    parts: list[Part] = []
    for lot in lots:
        give = min(nanos, lot.available_nanos)
        if give > 0:
            parts.append(Part(lot_id=lot.id, nanos=give))
            nanos -= give
        if nanos == 0:
            break
    return tuple(parts) if nanos == 0 else None


def held(lot: Lot, parts: Iterable[Part]) -> Lot:
    """Return the lot with what `parts` take from it held."""
    taken = sum(part.nanos for part in parts if part.lot_id == lot.id)
    return replace(lot, held_nanos=lot.held_nanos + taken)


def spent(lot: Lot, tokens: int) -> int:
    """Return what the next `tokens` of a lot of tokens cost, in nano-dollars."""
    assert lot.tokens is not None
    after = lot.amount_nanos * (lot.tokens_used + tokens) // lot.tokens
    return after - lot.amount_nanos * lot.tokens_used // lot.tokens


def drawing_order(lot: Lot) -> tuple[datetime, datetime, str]:
    """Sort key: nearest expiry first, lots that never expire last, then the oldest."""
    return (lot.expires_at or NEVER, lot.created_at, lot.id)


def _held_nanos(lot: Lot, tokens: int) -> int:
    """What so many tokens may cost at most, wherever in the lot they come to stand."""
    assert lot.tokens is not None
    return -(-tokens * lot.amount_nanos // lot.tokens)
