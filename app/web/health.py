"""Is this process alive, is it ready, and what does it count."""

import falcon
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.services import health
from app.web.desk import Desk


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
        """Show the counters of this process and the ages the database tells."""
        health.observe(self._desk.gateway)
        resp.content_type = CONTENT_TYPE_LATEST
        resp.data = generate_latest()
