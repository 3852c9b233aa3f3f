"""Close days: sum up what each account's jobs of a day come to, once all of them are over.

What is closed is never summed up again; open days are, whenever somebody asks. So the sums are
exact at every moment, and no counter is on the way of the jobs.
"""

import time
from datetime import date
from typing import Final

from prometheus_client import Counter

from app.domain.usage.summary import Sums
from app.gateway import Gateway
from app.store.engine import again, statement, transaction
from app.store.keeping import closing
from app.store.keeping.closing import Owner

REST_S: Final = 900.0
"""How long to rest when all days that could be closed are."""

_closed = Counter("busbar_usage_days_closed_total", "Days whose usage was summed up for good.")


class Closer:
    """Goes over the days that are not closed, a bounded step at a time.

    It begins anew with each process that leads. A day on which a job still goes on is left open,
    and looked at again after the rest.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._rests_until = 0.0
        self._looked_at: date | None = None
        self._day: date | None = None
        self._after: str | None = None
        self._sums: dict[Owner, Sums] = {}

    def tick(self) -> None:
        """Take the next step, unless it is time to rest; after an error it is, too."""
        if time.monotonic() < self._rests_until:
            return
        goes_on = False
        try:
            goes_on = self.step()
        finally:
            if not goes_on:
                self._rests_until = time.monotonic() + REST_S
                self._looked_at = self._day = None

    def step(self) -> bool:
        """Look at the next jobs of a day, or for a day; False when every day was looked at."""
        if self._day is None:
            with statement(self._gateway.engine) as conn:
                self._day = closing.next_day(conn, self._looked_at)
            if self._day is None:
                return False
            self._after, self._sums = None, {}
        with statement(self._gateway.engine) as conn:
            step = closing.look(conn, self._day, self._after)
        for owner, sums in step.sums.items():
            self._sums[owner] = self._sums.get(owner, Sums()) + sums
        self._after = step.last_id
        if step.is_unfinished or step.last_id is None:
            if not step.is_unfinished:
                self._close(self._day)
            self._looked_at, self._day = self._day, None
        return True

    def _close(self, day: date) -> None:
        def write() -> bool:
            with transaction(self._gateway.engine) as conn:
                return closing.close(conn, day, self._sums)

        if again(write):
            _closed.inc()
