"""Limits at the surfaces, with jobs that are carried."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from falcon.testing import Result, TestClient

from app.domain.errors import OutOfRange, RateLimited
from app.domain.limits.limit import Limits
from app.web.urls import build

from .api import ASYNC, CHAT, JOBS, Api, assert_refused, entry
from .polling import BOUND_S, eventually

Limited = Callable[..., Api]
Carry = Callable[..., None]


@pytest.fixture
def limited(api: Api) -> Limited:
    """A customer at an application that limits every key."""

    def under(**limits: int) -> Api:
        catalog = replace(api.gateway.catalog, key_limits=Limits(**limits))
        gateway = replace(api.gateway, catalog=catalog)
        return replace(api, gateway=gateway, client=TestClient(build(gateway)))

    return under


def begin(api: Api, text: str, headers: dict[str, str] | None = None) -> Callable[[], Result]:
    """Ask for a completion in a thread; what is returned waits for the answer."""
    answers: list[Result] = []
    thread = threading.Thread(target=lambda: answers.append(api.chat(text, headers=headers)))
    thread.start()

    def answer() -> Result:
        thread.join(BOUND_S)
        return answers[0]

    return answer


def test_a_waiting_call_holds_its_seat_until_it_is_answered(limited: Limited, carry: Carry) -> None:
    """One more is refused meanwhile, and let in afterwards."""
    api = limited(concurrent_calls=1)
    answer = begin(api, "slow")
    eventually(api.jobs)
    assert_refused(api.chat("another"), 429, RateLimited)
    carry(api)
    assert answer().status_code == 200
    assert api.chat("another").status_code == 200


def test_a_retry_attaches_without_a_seat_of_its_own(limited: Limited, carry: Carry) -> None:
    """A client that gave its first try up gets the answer of that one job."""
    api = limited(concurrent_calls=1)
    first = begin(api, "slow")
    eventually(api.jobs)
    retry = begin(api, "slow", {"x-stainless-retry-count": "1"})
    carry(api)
    assert [first().status_code, retry().status_code] == [200, 200]
    assert len(api.jobs()) == 1


def test_each_job_of_a_list_is_a_request(limited: Limited) -> None:
    """A list counts by its jobs, and one that could never pass is refused for good."""
    api = limited(requests_per_minute=5)
    answered = api.post(JOBS, {"jobs": [entry(str(number)) for number in range(4)]})
    assert answered.headers["x-ratelimit-remaining-requests"] == "1"
    assert api.chat("a", headers=ASYNC).status_code == 202
    assert_refused(api.chat("b", headers=ASYNC), 429, RateLimited)
    too_many = {"jobs": [entry(str(number)) for number in range(6)]}
    assert_refused(api.post(JOBS, too_many), 422, OutOfRange)
    assert len(api.jobs()) == 5


def test_a_stream_that_ended_gives_its_seat_back(limited: Limited, carry: Carry) -> None:
    """Streams may follow each other under a limit of one."""
    api = limited(concurrent_calls=1)
    carry(api)
    answers = [api.chat("hello", stream=True) for _ in range(3)]
    assert [each.status_code for each in answers] == [200] * 3
    assert all(each.text.rstrip().endswith("data: [DONE]") for each in answers)


def test_what_is_read_is_not_limited(limited: Limited) -> None:
    """Only what brings work is counted; whoever is over the limit can still look."""
    api = limited(requests_per_minute=1)
    job_id = api.later("a")
    assert api.post(CHAT, {"model": "no-such-model", "messages": []}).status_code != 429
    assert [api.job(job_id)["id"] for _ in range(3)] == [job_id] * 3
