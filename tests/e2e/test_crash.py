"""Nothing is lost: workers, Redis and Postgres are killed under load, and every job ends once."""

import random
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
import requests

from app.embedded import reset
from tests.e2e.standing import Standing, eventually, standing

JOBS = 2_000
BATCH_JOBS = 1_500
WORKERS = 4
KILLS = 40
CONVERGED_WITHIN_S = 240

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("crash")]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Standing]:
    """A gateway with four workers and impatient leases."""
    state = tmp_path / "state"
    with standing(state, workers=WORKERS, lease_s="3", nudge_stale_s="2", slots="40") as gateway:
        gateway.simulator(
            "PUT",
            "/_simulator/faults",
            {
                "latency": {"kind": "uniform", "min_ms": 50, "max_ms": 400},
                "rules": [{"share": 0.05, "fault": "status", "status": 503, "retry_after_s": 1}],
            },
        )
        yield gateway
    reset(state)


def test_every_job_ends_once_whatever_is_killed(gateway: Standing) -> None:
    """2,000 jobs survive 40 `kill -9`, a FLUSHALL, a Redis restart and a Postgres crash."""
    chance = random.Random(20_261_123)
    job_ids = submit_batch(gateway, BATCH_JOBS)
    events = ["worker"] * KILLS
    for kind, place in (("flush", 10), ("valkey", 20), ("postgres", 30)):
        events.insert(place, kind)
    for number, event in enumerate(events):
        disturb(gateway, event, chance)
        share = (JOBS - BATCH_JOBS) * (number + 1) // len(events)
        while len(job_ids) < BATCH_JOBS + share:
            job_ids.append(submit_one(gateway, len(job_ids)))
    assert len(set(job_ids)) == JOBS

    eventually(lambda: unfinished(gateway) == 0, CONVERGED_WITHIN_S)

    states = dict(gateway.sql("SELECT state, count(*) FROM jobs GROUP BY state"))
    assert sum(states.values()) == JOBS
    assert set(states) <= {"succeeded", "failed"}
    codes = {code for (code,) in gateway.sql("SELECT error_code FROM jobs WHERE state = 'failed'")}
    assert codes <= {"worker_lost"}
    assert {i for (i,) in gateway.sql("SELECT id FROM jobs")} == set(job_ids)
    paid = gateway.sql("SELECT job_id, count(*) FROM transfers WHERE kind = 'capture' GROUP BY 1")
    assert {count for _, count in paid} == {1}
    assert len(paid) == states["succeeded"]
    assert states["succeeded"] >= JOBS - KILLS
    assert gateway.doctor() == []


def disturb(gateway: Standing, event: str, chance: random.Random) -> None:
    """Do one cruel thing."""
    if event == "worker":
        eventually(lambda: gateway.kill(f"worker-{chance.randint(1, WORKERS)}"), 30)
        time.sleep(chance.uniform(0.2, 0.8))  # the pace of the storm, not a wait for anything
    elif event == "flush":
        redis.Redis.from_url(gateway.ready.redis_url).flushall()
    elif event == "valkey":
        eventually(lambda: gateway.kill("valkey"), 30)
    else:
        eventually(lambda: gateway.kill("postgres", signal.SIGQUIT), 30)


def submit_batch(gateway: Standing, count: int) -> list[str]:
    """Submit jobs as lists of 500."""
    job_ids: list[str] = []
    for start in range(0, count, 500):
        jobs = [
            {"endpoint": "/v1/chat/completions", "body": body(number)}
            for number in range(start, start + 500)
        ]
        job_ids += [job["id"] for job in persistently(gateway, "/v1/jobs", {"jobs": jobs})["data"]]
    return job_ids


def submit_one(gateway: Standing, number: int) -> str:
    """Submit one interactive job, without waiting for its answer."""
    job: dict[str, str] = persistently(
        gateway, "/v1/chat/completions", body(number), Prefer="respond-async"
    )
    return job["id"]


def persistently(
    gateway: Standing, path: str, content: object, **headers: str
) -> dict[str, object]:
    """Send a request until it is accepted, under one Idempotency-Key, as a good client does."""
    key = uuid.uuid4().hex
    ends = time.monotonic() + 60
    while True:
        try:
            answer = gateway.post(path, content, Idempotency_Key=key, **headers)
            if answer.status_code == 202:
                accepted: dict[str, object] = answer.json()
                return accepted
            assert answer.status_code == 503, answer.text
        except requests.ConnectionError:
            pass
        assert time.monotonic() < ends, "the gateway does not accept work again"
        time.sleep(0.2)


def unfinished(gateway: Standing) -> int:
    """Count jobs that have not ended; Postgres itself may be on its way back."""
    try:
        ((count,),) = gateway.sql("SELECT count(*) FROM jobs WHERE finished_at IS NULL")
    except psycopg.OperationalError:
        return -1
    return int(count)


def body(number: int) -> dict[str, object]:
    """Return a request of its own."""
    return {
        "model": "text-standard",
        "messages": [{"role": "user", "content": f"Solve: what is {number} + {number}?"}],
        "max_tokens": 64,
    }
