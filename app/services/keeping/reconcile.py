"""Check the book while it is written: the doctor's own statement, every five minutes.

The findings are a metric and a log line. It runs in a thread of its own, since a large book takes
longer to read than a keeper may be away from its leases.
"""

import logging
import math
import threading
import time
from collections.abc import Sequence
from typing import Final

from prometheus_client import Gauge

from app.domain.money import NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services.outage import as_unavailable
from app.store import doctor
from app.store.doctor import Finding
from app.store.engine import statement
from app.store.operating import overview

EVERY_S: Final = 300.0
BOUND_S: Final = 120
"""How long the statement may take; a book that takes longer is for `busbar doctor`, elsewhere."""

JOIN_S: Final = 5.0
TOLD_MAX: Final = 5
"""Findings that are told one by one; the doctor shows all."""

log = logging.getLogger("busbar.reconcile")

_findings = Gauge(
    "busbar_book_findings", "What the last check of the book found wrong; NaN when it could not."
)
_checked = Gauge("busbar_book_checked_timestamp", "When the book was last checked, in Unix time.")
_held = Gauge("busbar_holds_open_usd", "US dollars held for jobs under way, at the last check.")


def reconcile(gateway: Gateway) -> Sequence[Finding] | None:
    """Check the book and show what was found; None when it could not be read in time."""
    try:
        with statement(gateway.engine) as conn:
            found = doctor.examine(conn, within_s=BOUND_S)
            held = overview.open_holds(conn, None)
    except Exception as error:
        _findings.set(math.nan)
        if as_unavailable(error) is None:
            log.exception("reconcile.broke")
        else:
            log.warning("reconcile.could_not_look error=%s", type(error).__name__)
        return None
    _findings.set(len(found))
    _held.set(held.nanos / NANOS_PER_DOLLAR)
    _checked.set(gateway.now().timestamp())
    for each in found[:TOLD_MAX]:
        log.error("reconcile.found check=%r subject=%s %s", each.check, each.subject, each.detail)
    log.log(logging.ERROR if found else logging.INFO, "reconcile.done findings=%d", len(found))
    return found


class Reconciler:
    """Runs the check in a thread of its own, when it is time and none is running."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._next = 0.0
        self._thread: threading.Thread | None = None

    def tick(self) -> None:
        """Begin a check if one is due."""
        if time.monotonic() < self._next or (self._thread and self._thread.is_alive()):
            return
        self._next = time.monotonic() + EVERY_S
        self._thread = threading.Thread(
            target=reconcile, args=(self._gateway,), name="reconciler", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Wait a little for a check that is running; the process may end without it."""
        if self._thread is not None:
            self._thread.join(JOIN_S)
