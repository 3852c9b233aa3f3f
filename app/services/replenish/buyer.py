"""The buyer: asks for what accounts lack, and carries purchases in threads of their own.

The leading keeper tends it; no call to the funding source ever holds up a tick.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from app.funding import FundingSource, PaymentService
from app.gateway import Gateway
from app.services.outage import as_unavailable
from app.services.replenish import purchase
from app.services.replenish.ask import ask
from app.store.engine import statement
from app.store.replenishing import carrying, standings

PURCHASES_MAX: Final = 8
"""New purchases one process carries at once."""

LOOK_UPS_MAX: Final = 4
"""Purchases one process looks up at once, beside the new ones: however many are left open, they
keep no new one waiting."""

POLICIES_MAX: Final = 1_000
"""Policies one turn looks at; the next turn goes on with the others."""

ASKS_MAX: Final = 100
"""Accounts one turn asks for."""

PAUSES_S: Final = (0.5, 2.0, 5.0)
"""Before each look at what an answer left open; then it is left until its lease is over."""

CLOSE_S: Final = 5.0
MARGIN_S: Final = 5.0

log = logging.getLogger("busbar.replenish")


def open_buyer(gateway: Gateway) -> "Buyer":
    """Return the buyer of this process, at the funding source that the settings name."""
    settings = gateway.settings
    if not settings.funding_url or settings.funding_secret is None:
        return Buyer(gateway, None)
    source = PaymentService(
        settings.funding_url,
        settings.funding_secret.get_secret_value(),
        timeout_s=settings.funding_timeout_s,
        now=lambda: _database_time(gateway),
    )
    return Buyer(gateway, source)


class Buyer:
    """One per worker process. Without a source it never asks for anything."""

    def __init__(self, gateway: Gateway, source: FundingSource | None) -> None:
        self._gateway = gateway
        self._source = source
        # A look-up, and a call where that shows nothing, each of which may take its whole time.
        self._lease_s = 2 * gateway.settings.funding_timeout_s + MARGIN_S
        self._after = ""
        self._buying, self._looking = _Threads(PURCHASES_MAX), _Threads(LOOK_UPS_MAX)
        self._stopping = threading.Event()

    def tend(self) -> int:
        """Ask for what accounts lack and take up what was asked for; return how many were taken.

        Called by the leading keeper again and again; returns at once. Raises what tells that the
        database is away.
        """
        if self._source is None or self._stopping.is_set():
            return 0
        try:
            self._look()
            return self._take_up(self._source)
        except Exception as error:
            if as_unavailable(error) is not None:
                raise
            log.exception("replenish.stumbled")
            return 0

    def close(self) -> None:
        """Take up nothing more; a call that does not end soon is left to the next leader."""
        self._stopping.set()
        ends = time.monotonic() + CLOSE_S
        for threads in (self._buying, self._looking):
            threads.join(ends)

    def _look(self) -> None:
        with statement(self._gateway.engine) as conn:
            found, go_on = standings.candidates(conn, after=self._after, limit=POLICIES_MAX)
        if len(found) > ASKS_MAX:
            found = found[:ASKS_MAX]
            go_on = found[-1]
        self._after = go_on
        for account_id in found:
            ask(self._gateway, account_id)

    def _take_up(self, source: FundingSource) -> int:
        with statement(self._gateway.engine) as conn:
            new = carrying.new(conn, limit=PURCHASES_MAX)
            silent = carrying.silent(conn, lease_s=self._lease_s, limit=LOOK_UPS_MAX)

        def carry(purchase_id: str) -> None:
            self._carry(source, purchase_id)

        return self._buying.begin(new, carry) + self._looking.begin(silent, carry)

    def _carry(self, source: FundingSource, purchase_id: str) -> None:
        try:
            taken = purchase.take_up(self._gateway, purchase_id, lease_s=self._lease_s)
            if taken is not None:
                purchase.carry(
                    self._gateway, source, taken, pauses_s=PAUSES_S, pause=self._stopping.wait
                )
        except Exception:  # the purchase is taken up again when its lease is over, and looked up
            log.exception("replenish.stumbled purchase=%s", purchase_id)


class _Threads:
    """At most so many threads, each of which carries one purchase."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._alive: dict[str, threading.Thread] = {}

    def begin(self, purchase_ids: Sequence[str], carry: Callable[[str], None]) -> int:
        """Carry those that nobody here carries, as far as there is room; return how many."""
        self._alive = {name: each for name, each in self._alive.items() if each.is_alive()}
        room = self._most - len(self._alive)
        fresh = [each for each in purchase_ids if each not in self._alive][:room]
        for name in fresh:
            self._alive[name] = threading.Thread(target=carry, args=(name,), name=name, daemon=True)
            self._alive[name].start()
        return len(fresh)

    def join(self, ends: float) -> None:
        """Wait for the threads until `ends` on the monotonic clock."""
        for thread in self._alive.values():
            thread.join(max(0.0, ends - time.monotonic()))


def _database_time(gateway: Gateway) -> datetime:
    """A worker's clock may be wrong, and a signature with it."""
    with statement(gateway.engine) as conn:
        return carrying.clock(conn)
