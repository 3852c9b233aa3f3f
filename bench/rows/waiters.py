"""Many callers waiting at once on one submitter process: are all served, and in what memory."""

import http
from typing import Final

from bench import bodies
from bench.driver import drive
from bench.load import Plan
from bench.result import Measured, Run
from bench.stand import open_stand

WAITERS: Final = 1_000
SLOTS: Final = 1_200
UPSTREAM_MS: Final = 3_000


def measure(run: Run) -> Measured:
    """Send all calls at one moment to an upstream that takes its time."""
    waiters = int(WAITERS * run.size)
    settings = {"BUSBAR_SLOTS": str(SLOTS)}
    with open_stand(latency_ms=UPSTREAM_MS, concurrency=SLOTS, settings=settings) as stand:
        stand.web()
        stand.worker()
        key = stand.account("waiters")
        body = bodies.dumped(bodies.chat(1))
        stand.post(bodies.CHAT, key, body, status=http.HTTPStatus.OK)
        run.say(f"{waiters} callers at once")
        driven = drive(
            stand,
            Plan(
                port=stand.web_port,
                request=bodies.post(bodies.CHAT, key, body),
                connections=waiters,
                status=http.HTTPStatus.OK,
                requests=waiters,
            ),
        )
        outcome = driven.outcome
        more = {"calls_at_once": stand.calls_at_once(), "shared_once_mb": stand.fair_mb("web")}
        return Measured(
            figure=outcome.answered,
            operations=outcome.answered,
            seconds=outcome.seconds,
            about="web",
            spent=driven.spent,
            rss_mb=stand.finish(),
            commit_ms=stand.commit_ms,
            p50_ms=outcome.p50_ms,
            p99_ms=outcome.p99_ms,
            target=waiters,
            more=more,
        )
