"""Waits for jobs that are there already hold threads, and are limited as calls are."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from falcon.testing import TestClient

from app.domain.errors import RateLimited
from app.domain.limits.limit import Limits
from app.web.urls import build
from tests.web.api import JOBS, Api, assert_refused
from tests.web.polling import BOUND_S, eventually

Carry = Callable[..., None]


@pytest.fixture
def single(api: Api) -> Api:
    """A customer at an application that lets each key have one open call."""
    catalog = replace(api.gateway.catalog, key_limits=Limits(concurrent_calls=1))
    gateway = replace(api.gateway, catalog=catalog)
    return replace(api, gateway=gateway, client=TestClient(build(gateway)))


@pytest.mark.parametrize("way", ["?wait=60", "/stream"])
def test_a_wait_holds_a_seat_until_it_is_answered(single: Api, carry: Carry, way: str) -> None:
    """One more is refused meanwhile, and let in afterwards; a look that waits for nothing may."""
    job_id = single.later()
    path, _, query = f"{JOBS}/{job_id}{way}".partition("?")
    answers: list[int] = []
    waiting = threading.Thread(target=lambda: answers.append(single.get(path, query).status_code))
    waiting.start()
    eventually(lambda: single.gateway.wakeups._waiting.get(job_id))
    refused = single.get(f"{JOBS}/{job_id}", "wait=60")
    assert_refused(refused, 429, RateLimited)
    assert refused.headers["retry-after"] == "1"
    assert_refused(single.get(f"{JOBS}/{job_id}/stream"), 429, RateLimited)
    assert single.job(job_id)["status"] == "queued"
    carry(single)
    waiting.join(BOUND_S)
    assert answers == [200]
    assert single.get(f"{JOBS}/{job_id}/stream").status_code == 200


def test_a_job_that_has_ended_is_not_waited_for(single: Api, carry: Carry) -> None:
    """A long poll for it needs no seat."""
    ended, open_job = single.later("one"), single.later("two")
    single.cancel(ended)
    waiting = threading.Thread(target=lambda: single.job(open_job, wait_s=60))
    waiting.start()
    eventually(lambda: single.gateway.wakeups._waiting.get(open_job))
    assert single.job(ended, wait_s=60)["status"] == "cancelled"
    carry(single)
    waiting.join(BOUND_S)


def test_without_a_limit_no_key_holds_every_thread(api: Api, carry: Carry) -> None:
    """Half of them is left to others, who are served."""
    small = api.with_settings(web_threads=8)
    job_id = small.later()
    waits = [threading.Thread(target=lambda: small.job(job_id, wait_s=60)) for _ in range(4)]
    for each in waits:
        each.start()
    eventually(lambda: len(small.gateway.wakeups._waiting.get(job_id, ())) == 4)
    assert_refused(small.get(f"{JOBS}/{job_id}", "wait=60"), 429, RateLimited)
    carry(small)
    for each in waits:
        each.join(BOUND_S)
    assert small.job(job_id, wait_s=60)["status"] == "succeeded"
