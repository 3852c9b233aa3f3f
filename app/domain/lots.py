"""Lots: credits with their own life. Which lots a hold draws from, and what it leaves behind."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

NEVER: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """One credit: `amount = used + held + what is available`, all in nano-dollars."""

    id: str
    account_id: str
    amount_nanos: int
    used_nanos: int
    held_nanos: int
    expires_at: datetime | None
    instrument: str | None

    @property
    def available_nanos(self) -> int:
        """What a new hold may still draw."""
        return self.amount_nanos - self.used_nanos - self.held_nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one lot gives to one hold, in nano-dollars."""

    lot_id: str
    nanos: int


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


def drawing_order(lot: Lot) -> tuple[datetime, str]:
    """Sort key: nearest expiry first, lots that never expire last, then the oldest."""
    return (lot.expires_at or NEVER, lot.id)
