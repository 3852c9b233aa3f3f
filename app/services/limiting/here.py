"""Seats of this process alone, for what no limit of the operator's counts."""

import time
from dataclasses import replace

from app.domain.limits.verdict import Order, Verdict
from app.limiter.alone import Alone
from app.limiter.seats import Seats


class Here:
    """Counts the calls that are open in this process; Redis is not asked."""

    def __init__(self) -> None:
        self._seats = Seats()
        self._alone = Alone(1, self._seats)

    def take(self, order: Order) -> Verdict:
        """Take all that the order demands, or nothing."""
        return replace(self._alone.take(order, time.monotonic()), alone=False)

    def release(self, seat: str) -> None:
        """Give a seat back; harmless when that was done already."""
        self._seats.drop(seat)
