"""Limits while Redis is away: each process grants its share, and knows only of itself."""

import threading
from typing import Final

from app.domain.limits.bucket import Bucket
from app.domain.limits.limit import Limit, Measure
from app.domain.limits.verdict import Demand, Order, Verdict, judge
from app.limiter.seats import Seats, held

BUCKETS_MAX: Final = 10_000
"""Buckets kept at once; past that the one that was used the longest ago is forgotten."""


class Alone:
    """One process's own buckets. They stay between outages, so that many short ones are one."""

    def __init__(self, processes: int, seats: Seats) -> None:
        self._processes = processes
        self._seats = seats
        self._lock = threading.Lock()
        self._buckets: dict[tuple[str, Measure], Bucket] = {}

    def take(self, order: Order, now_s: float) -> Verdict:
        """Grant all that is asked, or nothing; `now_s` is of a clock that never goes back."""
        demands = [self._shared(demand) for demand in order.demands]
        with self._lock:
            name, guest = self._place(order)
            before = [self._used(demand.limit, now_s) for demand in demands]
            used = [each if isinstance(each, int) else each.used for each in before]
            verdict = judge(demands, used, seat=name, guest=guest, alone=True)
            if verdict.granted:
                for reading, each in zip(verdict.readings, before, strict=True):
                    if isinstance(each, Bucket) and reading.amount:
                        self._keep(reading.limit, each.plus(reading.amount))
            if verdict.seat is not None:
                self._seats.hold(held(order, verdict.seat))
        return verdict

    def _shared(self, demand: Demand) -> Demand:
        """Return what is asked of the share: all of it at most, so that it can be had."""
        limit = demand.limit.share(self._processes)
        amount = max(-limit.most, min(demand.amount, limit.most))
        return Demand(limit=limit, amount=amount)

    def _place(self, order: Order) -> tuple[str | None, bool]:
        """Return the name under which to sit down, and whether that seat is another's."""
        if order.seat is None:
            return None, False
        taken = order.seat.name in self._seats
        return (order.seat.spare if taken else order.seat.name), taken and order.seat.joins

    def _used(self, limit: Limit, now_s: float) -> int | Bucket:
        if limit.measure is Measure.CALLS:
            return self._seats.count(limit.owner)
        bucket = self._buckets.get((limit.owner, limit.measure)) or Bucket(used=0, at_s=now_s)
        return bucket.drained(limit.most, now_s)

    def _keep(self, limit: Limit, bucket: Bucket) -> None:
        place = (limit.owner, limit.measure)
        self._buckets.pop(place, None)  # so that the first one is the longest unused
        self._buckets[place] = bucket
        if len(self._buckets) > BUCKETS_MAX:
            del self._buckets[next(iter(self._buckets))]
