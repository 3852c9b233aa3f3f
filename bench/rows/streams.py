"""Answers that are streamed: what the gateway adds to their first event, and many at once."""

import http
from typing import Final

from bench import bodies
from bench.driver import Driven, drive
from bench.load import Plan
from bench.result import Measured, Run
from bench.stand import Stand, open_stand

ALONE_WARM: Final = 30
ALONE_CALLS: Final = 200
CALLS_MIN: Final = 100  # fewer give no 99th percentile

STREAMS: Final = 1_000
SLOTS: Final = 1_400
FIRST_MS: Final = 1_500
CHUNK_MS: Final = 250


def measure_ttft(run: Run) -> Measured:
    """Read one stream at a time, straight and through the gateway, timed to the first event."""
    with open_stand() as stand:
        key = _open(stand)
        calls = max(CALLS_MIN, int(ALONE_CALLS * run.size))
        run.say(f"{calls} streams straight, then {calls} through the gateway")
        straight = _alone(stand, stand.simulator_port, key, calls).outcome
        driven = _alone(stand, stand.web_port, key, calls)
        through = driven.outcome
        return Measured(
            figure=through.first_p50_ms - straight.first_p50_ms,
            operations=through.answered,
            seconds=through.seconds,
            about="web",
            spent=driven.spent,
            rss_mb=stand.finish(),
            commit_ms=stand.commit_ms,
            p50_ms=through.first_p50_ms - straight.first_p50_ms,
            p99_ms=through.first_p99_ms - straight.first_p50_ms,
            more={"whole_stream_added_ms": through.p50_ms - straight.p50_ms},
        )


def measure_streams(run: Run) -> Measured:
    """Open many streams at one moment and read all of them to their end."""
    streams = int(STREAMS * run.size)
    settings = {"BUSBAR_SLOTS": str(SLOTS)}
    with open_stand(
        latency_ms=FIRST_MS, chunk_ms=CHUNK_MS, concurrency=SLOTS, settings=settings
    ) as stand:
        key = _open(stand)
        run.say(f"{streams} streams at once")
        driven = drive(
            stand,
            Plan(
                port=stand.web_port,
                request=_request(key),
                connections=streams,
                status=http.HTTPStatus.OK,
                requests=streams,
                stream=True,
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
            p50_ms=outcome.first_p50_ms,
            p99_ms=outcome.first_p99_ms,
            target=streams,
            more=more,
        )


def _open(stand: Stand) -> str:
    """Start everything, and wait for the first answer; return a key."""
    stand.web()
    stand.worker()
    key = stand.account("streams")
    stand.post(bodies.CHAT, key, bodies.dumped(bodies.chat(1)), status=http.HTTPStatus.OK)
    return key


def _alone(stand: Stand, port: int, key: str, calls: int) -> Driven:
    return drive(
        stand,
        Plan(
            port=port,
            request=_request(key),
            connections=1,
            status=http.HTTPStatus.OK,
            warm_requests=ALONE_WARM,
            requests=calls,
            stream=True,
        ),
    )


def _request(key: str) -> bytes:
    return bodies.post(bodies.CHAT, key, bodies.dumped({**bodies.chat(1), "stream": True}))
