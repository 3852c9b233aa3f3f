"""The Prefer header on the compatible path: wait, or take the job."""

from collections.abc import Callable

import pytest
from falcon.testing import Result

from app.domain.errors import WaitTimedOut
from app.domain.job import JobState
from tests.web.api import JOBS, Api, assert_marked, assert_refused
from tests.web.carrier import Gate


def assert_is_a_job(answered: Result, applied: str) -> None:
    """Check that an answer is a 202 in every part."""
    assert answered.status_code == 202
    job_id = answered.json["id"]
    assert answered.json["object"] == "job"
    assert answered.headers["location"] == f"{JOBS}/{job_id}"
    assert answered.headers["x-busbar-job-id"] == job_id
    assert answered.headers["preference-applied"] == applied
    assert int(answered.headers["retry-after"]) >= 1
    assert_marked(answered)


def test_an_asynchronous_caller_gets_the_job(api: Api) -> None:
    """`respond-async` is answered at once with 202, the job, and where to look."""
    answered = api.chat(headers={"Prefer": "respond-async"})
    assert_is_a_job(answered, "respond-async")
    assert answered.json["status"] == "queued"


def test_the_location_leads_to_the_job(api: Api) -> None:
    """The Location of a 202 is where the job is read."""
    answered = api.chat(headers={"Prefer": "respond-async"})
    assert api.get(answered.headers["location"]).json == answered.json


def test_a_quick_job_is_answered_within_the_wait(api: Api, carry: Callable[..., None]) -> None:
    """`respond-async, wait=N` is answered with the completion when it comes in time."""
    carry(api)
    answered = api.chat("Quick.", headers={"Prefer": "respond-async, wait=20"})
    assert answered.status_code == 200
    assert answered.json["choices"][0]["message"]["content"] == "re: Quick."
    assert "location" not in answered.headers


def test_a_slow_job_becomes_a_202(api: Api, carry: Callable[..., None]) -> None:
    """`respond-async, wait=N` is answered with the job when N seconds were not enough."""
    gate = Gate()
    carry(api, gate)
    answered = api.chat(headers={"Prefer": "respond-async, wait=1"})
    gate.open()
    assert_is_a_job(answered, "respond-async, wait=1")
    assert answered.json["status"] == "running"
    assert api.job(answered.json["id"], wait_s=20)["status"] == JobState.SUCCEEDED


@pytest.mark.parametrize("prefer", ["respond-async", "RESPOND-ASYNC", "respond-async;x=y"])
def test_an_asynchronous_answer_does_not_wait(api: Api, prefer: str) -> None:
    """Without a wait nobody waits, in whatever letters it is asked for."""
    assert_is_a_job(api.chat(headers={"Prefer": prefer}), "respond-async")


@pytest.mark.parametrize(
    "prefer",
    ["wait=20", "return=minimal", "respond-async=false", "wait=soon", "wait=-1", ";;", "=", ""],
)
def test_without_respond_async_nobody_gets_a_202(
    api: Api, carry: Callable[..., None], prefer: str
) -> None:
    """Unknown and malformed preferences are ignored: the caller waits for the completion."""
    carry(api)
    assert api.chat(headers={"Prefer": prefer}).status_code == 200


def test_a_wait_of_nothing_is_over_at_once(api: Api) -> None:
    """`wait=0` alone: the job is accepted, and the caller hears 504 with its id."""
    answered = api.chat(headers={"Prefer": "wait=0"})
    assert_refused(answered, 504, WaitTimedOut)
    assert api.job(answered.headers["x-busbar-job-id"])["status"] == "queued"


def test_a_failure_within_the_wait_is_told_as_one(poor: Api, carry: Callable[..., None]) -> None:
    """A job that came with `respond-async` outlives an empty balance even while one waits."""
    carry(poor)
    answered = poor.chat(headers={"Prefer": "respond-async, wait=1"})
    assert answered.status_code == 202
    assert (answered.json["status"], answered.json["reason"]) == ("waiting", "balance")
