"""Can this process do its work, and what operators watch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError

from app.domain.job import Lane
from app.gateway import Gateway
from app.store import queue, revision
from app.store.engine import statement

COUNT_MAX: Final = 10_000
"""Metrics stop counting rows here, so that a scrape costs the same whatever the backlog is. The
oldest job needs no such limit: it is the first entry of an index."""

_oldest = Gauge("busbar_oldest_due_seconds", "Age of the oldest job that could run.", ["lane"])
_due = Gauge("busbar_jobs_due", f"Jobs that could run now (counted to {COUNT_MAX}).", ["lane"])
_running = Gauge("busbar_jobs_running", f"Jobs that are leased (counted to {COUNT_MAX}).")
_depth = Gauge(
    "busbar_queue_messages", "Messages on a run queue; -1 while Redis is away.", ["lane"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Each check and what it found."""

    checks: Mapping[str, str]

    @property
    def ready(self) -> bool:
        """True when requests can be served; the bus may be away."""
        return self.checks["postgres"] == "ok" and self.checks["schema"] == "ok"

    @property
    def status(self) -> str:
        """One word for the whole."""
        if not self.ready:
            return "unready"
        return "ok" if self.checks["redis"] == "ok" else "degraded"


def check(gateway: Gateway) -> Report:
    """Ask the database, its schema and the bus."""
    checks = {"postgres": "ok", "schema": "ok"}
    try:
        at, head = revision.at(gateway.engine), revision.head()
        if at != head:
            checks["schema"] = f"at {at}, this code wants {head}: run `busbar migrate`"
    except SQLAlchemyError as error:
        checks |= {"postgres": f"cannot be reached ({type(error).__name__})", "schema": "unknown"}
    away = gateway.broker.depth(Lane.INTERACTIVE) is None
    checks["redis"] = "cannot be reached: nudges are late, nothing is lost" if away else "ok"
    return Report(checks=checks)


def observe(gateway: Gateway) -> None:
    """Bring the gauges up to date."""
    with statement(gateway.engine) as conn:
        for lane in Lane:
            _oldest.labels(lane).set(queue.oldest_due_s(conn, lane))
            _due.labels(lane).set(queue.count_due(conn, lane, COUNT_MAX))
        _running.set(queue.count_running(conn, COUNT_MAX))
    for lane in Lane:
        depth = gateway.broker.depth(lane)
        _depth.labels(lane).set(-1 if depth is None else depth)
