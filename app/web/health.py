"""Is this process alive, is it ready, and what does it count."""

from collections.abc import Iterator
from typing import Final

import falcon
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Metric, generate_latest
from prometheus_client.registry import Collector

from app.gateway import Gateway
from app.services import health
from app.services.outage import as_unavailable
from app.web.desk import Desk

ASKED_FOR: Final = frozenset(
    {
        "busbar_jobs_due",
        "busbar_jobs_running",
        "busbar_oldest_due_seconds",
        "busbar_queue_messages",
    }
)
"""The gauges that are read from the database at each scrape, or after it."""


class Hello:
    """Where clients knock before their first call, to have a connection open."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:  # noqa: ARG002
        """Answer."""
        resp.media = {"service": "busbar", "status": "ok"}

    on_head = on_get


class Livez:
    """The process answers; nothing else is asked."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:  # noqa: ARG002
        """Answer."""
        resp.media = {"status": "ok"}


class Readyz:
    """Ready means: the database answers and has the schema this code was written for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:  # noqa: ARG002
        """Answer 200 or 503 with each check. Redis away is degraded, not unready."""
        report = health.check(self._desk.gateway)
        resp.status = falcon.HTTP_200 if report.ready else falcon.HTTP_503
        resp.media = {"status": report.status, "checks": dict(report.checks)}


class Metrics:
    """What Prometheus scrapes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:  # noqa: ARG002
        """Show the counters of this process, and what the database tells while it is there."""
        shown = REGISTRY if _is_observed(self._desk.gateway) else _OwnCounters()
        resp.content_type = CONTENT_TYPE_LATEST
        resp.data = generate_latest(shown)


def _is_observed(gateway: Gateway) -> bool:
    """Bring the gauges up to date; False when the database is away."""
    try:
        health.observe(gateway)
    except Exception as error:
        if as_unavailable(error) is None:
            raise
        return False
    return True


class _OwnCounters(Collector):
    """What this process counts itself. A gauge of before the outage would lie."""

    def collect(self) -> Iterator[Metric]:
        return (metric for metric in REGISTRY.collect() if metric.name not in ASKED_FOR)
