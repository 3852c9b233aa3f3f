"""What a replenishment needs of whoever sells credit."""

from typing import Protocol

from app.domain.replenishing.purchase import Asked, Found


class FundingSource(Protocol):
    """Sells credit. Neither method raises; both may take as long as their time-out says.

    `purchase_id` is the idempotency key: a source charges once for it, however often it is asked,
    and can tell what came of it.
    """

    def buy(self, purchase_id: str, account_id: str, amount_nanos: int) -> Asked:
        """Charge for a purchase."""
        ...

    def lookup(self, purchase_id: str, amount_nanos: int) -> Found:
        """Tell what came of a purchase, without ever charging; another amount leaves it open."""
        ...
