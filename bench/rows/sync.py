"""Calls that wait for their answer: how many a second, and what the gateway adds to one."""

import http
from typing import Final

from bench import bodies
from bench.driver import Driven, drive
from bench.load import Plan
from bench.result import Measured, Run
from bench.stand import Stand, open_stand

CLIENTS: Final = 16
WARM_S: Final = 2.0
MEASURED_S: Final = 8.0
ALONE_WARM: Final = 50
ALONE_CALLS: Final = 300
CALLS_MIN: Final = 100  # fewer give no 99th percentile


def measure_sync(run: Run) -> Measured:
    """Let several clients call without a pause."""
    with open_stand() as stand:
        key = _open(stand)
        run.say(f"{CLIENTS} clients for {MEASURED_S * run.size:.0f} s")
        driven = drive(
            stand,
            Plan(
                port=stand.web_port,
                request=_request(key),
                connections=CLIENTS,
                status=http.HTTPStatus.OK,
                warm_requests=None,
                warm_s=WARM_S * run.size,
                seconds=MEASURED_S * run.size,
            ),
        )
        outcome = driven.outcome
        return Measured(
            figure=outcome.answered / outcome.seconds,
            operations=outcome.answered,
            seconds=outcome.seconds,
            about="web",
            spent=driven.spent,
            rss_mb=stand.finish(),
            commit_ms=stand.commit_ms,
            p50_ms=outcome.p50_ms,
            p99_ms=outcome.p99_ms,
        )


def measure_latency(run: Run) -> Measured:
    """Call one at a time, straight and through the gateway.

    Added is each call's time minus the straight calls' median, so the 99th percentile is not
    flattered by the upstream's own slow moments.
    """
    with open_stand() as stand:
        key = _open(stand)
        calls = max(CALLS_MIN, int(ALONE_CALLS * run.size))
        run.say(f"{calls} calls straight, then {calls} through the gateway")
        straight = _alone(stand, stand.simulator_port, key, calls).outcome
        driven = _alone(stand, stand.web_port, key, calls)
        added_ms = driven.outcome.p50_ms - straight.p50_ms
        return Measured(
            figure=added_ms,
            operations=driven.outcome.answered,
            seconds=driven.outcome.seconds,
            about="web",
            spent=driven.spent,
            rss_mb=stand.finish(),
            commit_ms=stand.commit_ms,
            p50_ms=added_ms,
            p99_ms=driven.outcome.p99_ms - straight.p50_ms,
            more={"straight_p50_ms": straight.p50_ms, "straight_p99_ms": straight.p99_ms},
        )


def _open(stand: Stand) -> str:
    """Start everything, and wait for the first answer; return a key."""
    stand.web()
    stand.worker()
    key = stand.account("sync")
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
        ),
    )


def _request(key: str) -> bytes:
    return bodies.post(bodies.CHAT, key, bodies.dumped(bodies.chat(1)))
