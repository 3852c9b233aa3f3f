"""The till: what was charged, once for each id, and how much of it at the same moment."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Final

KEPT_MAX: Final = 100_000
"""Purchases that are remembered; one more is an error of whoever runs this for so long."""


@dataclass(slots=True)
class Purchase:
    """One purchase, as the payment service knows it."""

    account: str
    amount: str
    status: str = "pending"
    reference: str | None = None
    asked: int = 0
    lookups: int = 0


class Conflict(Exception):
    """The id came with another account or amount before."""


class Till:
    """Every purchase there was."""

    def __init__(self) -> None:
        self.purchases: dict[str, Purchase] = {}
        self._charging: dict[str, asyncio.Task[None]] = {}
        self._of: Counter[str] = Counter()
        self._peak = self._peak_of_one = self._asked = self._lookups = 0

    async def buy(
        self, purchase_id: str, account: str, amount: str, *, latency_s: float, declines: bool
    ) -> Purchase:
        """Charge for a purchase, unless that has been done; raises Conflict.

        It goes on when the client leaves.
        """
        self._asked += 1
        known = self.purchases.get(purchase_id)
        if known is None:
            assert len(self.purchases) < KEPT_MAX
            known = self.purchases[purchase_id] = Purchase(account=account, amount=amount)
            charge = self._charge(purchase_id, known, latency_s=latency_s, declines=declines)
            self._charging[purchase_id] = asyncio.create_task(charge)
        if (known.account, known.amount) != (account, amount):
            raise Conflict
        known.asked += 1
        if purchase_id in self._charging:
            await asyncio.shield(self._charging[purchase_id])
        return known

    def asked_in_vain(self) -> None:
        """Count a call that failed before its purchase was looked at."""
        self._asked += 1

    def look_up(self, purchase_id: str) -> Purchase | None:
        """Return a purchase; None when its id never came."""
        self._lookups += 1
        found = self.purchases.get(purchase_id)
        if found is not None:
            found.lookups += 1
        return found

    def truth(self) -> dict[str, object]:
        """Return all that happened, for whoever wants to compare."""
        shown = {
            name: {
                "account": each.account,
                "amount": each.amount,
                "status": each.status,
                "asked": each.asked,
                "lookups": each.lookups,
            }
            for name, each in self.purchases.items()
        }
        return {
            "purchases": shown,
            "bought": sum(each.status == "bought" for each in self.purchases.values()),
            "asked": self._asked,
            "lookups": self._lookups,
            "in_flight": len(self._charging),
            "in_flight_peak": self._peak,
            "in_flight_peak_of_one": self._peak_of_one,
        }

    async def _charge(
        self, purchase_id: str, purchase: Purchase, *, latency_s: float, declines: bool
    ) -> None:
        self._of[purchase.account] += 1
        self._peak = max(self._peak, self._of.total())
        self._peak_of_one = max(self._peak_of_one, self._of[purchase.account])
        try:
            await asyncio.sleep(latency_s)
            purchase.status = "declined" if declines else "bought"
            purchase.reference = None if declines else f"ch_{purchase_id}"
        finally:
            self._of[purchase.account] -= 1
            self._charging.pop(purchase_id, None)
