"""The seats of the calls that are open in this process."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.limits.limit import Measure
from app.domain.limits.verdict import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A seat held here, and whose limits it counts against."""

    name: str
    account_id: str
    owners: tuple[str, ...]


def held(order: Order, name: str) -> Held:
    """Return the seat that an order has taken under that name."""
    owners = [
        demand.limit.owner for demand in order.demands if demand.limit.measure is Measure.CALLS
    ]
    return Held(name=name, account_id=order.account_id, owners=tuple(owners))


class Seats:
    """A register for many threads; the truth about this process, whatever Redis knows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, Held] = {}
        self._counts: Counter[str] = Counter()

    def hold(self, seat: Held) -> None:
        """Write a seat down."""
        with self._lock:
            if seat.name not in self._held:
                self._held[seat.name] = seat
                self._counts.update(seat.owners)

    def drop(self, name: str) -> Held | None:
        """Strike a seat out and return it; None when it is not held, or not any more."""
        with self._lock:
            seat = self._held.pop(name, None)
            for owner in seat.owners if seat else ():
                self._counts[owner] -= 1
                if not self._counts[owner]:
                    del self._counts[owner]
            return seat

    def count(self, owner: str) -> int:
        """Return how many seats count against an owner's limit."""
        return self._counts.get(owner, 0)

    def __contains__(self, name: object) -> bool:
        return name in self._held

    def all(self) -> Sequence[Held]:
        """Return every seat that is held."""
        with self._lock:
            return list(self._held.values())
