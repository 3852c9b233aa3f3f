"""POST /v1/jobs/{id}/cancel, in every state a job may be in."""

from collections.abc import Callable

import pytest

from app.domain.attempt import Interrupted
from tests.factories import failure, settle_one, start_one
from tests.web.api import JOBS, MOMENT, Api, assert_marked
from tests.web.carrier import Gate
from tests.web.carrier import carry as carry_once
from tests.web.polling import eventually


def hold_and_wait(api: Api, job_id: str) -> None:
    """Let every route of a job fail, so that it waits for another attempt with its hold kept."""
    for _ in api.gateway.catalog.routes["text-prime"]:
        settle_one(api.gateway, start_one(api.gateway, job_id), failure(retry_after_s=60))
    assert api.job(job_id)["reason"] == "backoff"


def test_a_queued_job_is_cancelled_at_once(api: Api) -> None:
    """A job nobody has begun is final with the answer, and says why."""
    answered = api.cancel(api.later())
    assert answered.status_code == 200
    assert answered.json["status"] == "cancelled"
    assert answered.json["error"] == {
        "code": "job_cancelled",
        "message": "The job was cancelled.",
    }
    assert MOMENT.fullmatch(answered.json["finished_at"])
    assert_marked(answered)


def test_a_cancelled_job_is_never_begun(api: Api) -> None:
    """A worker that hears of a cancelled job finds nothing to do."""
    api.cancel(api.later())
    assert carry_once(api.gateway, api.customer.account_id) == 0


def test_a_job_that_waits_for_money_can_be_cancelled(poor: Api) -> None:
    """A job that waits for a balance need not wait for ever, and loses its reason."""
    job_id = poor.later()
    carry_once(poor.gateway, poor.customer.account_id)
    assert poor.job(job_id)["status"] == "waiting"
    cancelled = poor.cancel(job_id).json
    assert (cancelled["status"], cancelled["reason"]) == ("cancelled", None)


def test_a_cancelled_job_gives_its_hold_back(api: Api) -> None:
    """Money held for a job that waits for another attempt is free again, and nothing is spent."""
    before = api.balance()["available"]
    job_id = api.later()
    hold_and_wait(api, job_id)
    assert api.balance()["held"] != "0.00"
    api.cancel(job_id)
    balance = api.balance()
    assert (balance["available"], balance["held"], balance["spent"]) == (before, "0.00", "0.00")


def test_a_running_job_is_asked_to_end(api: Api, carry: Callable[..., None]) -> None:
    """A running job stays running until its worker lets go; the worker finds the wish."""
    gate = Gate(lambda _: Interrupted(cancelled=True))
    carry(api, gate)
    job_id = api.later()
    gate.begun()
    assert api.job(job_id)["cancel_requested_at"] is None
    answered = api.cancel(job_id)
    assert (answered.status_code, answered.json["status"]) == (200, "running")
    assert MOMENT.fullmatch(answered.json["cancel_requested_at"])
    gate.open()
    assert api.job(job_id, wait_s=20)["status"] == "cancelled"
    assert api.balance()["held"] == "0.00"


def test_an_answer_that_came_first_counts(api: Api, carry: Callable[..., None]) -> None:
    """A job whose answer arrives before its worker heard of the wish has succeeded, and is paid."""
    gate = Gate()
    carry(api, gate)
    job_id = api.later()
    gate.begun()
    api.cancel(job_id)
    gate.open()
    job = api.job(job_id, wait_s=20)
    assert job["status"] == "succeeded"
    assert api.balance()["spent"] == job["cost"]


def test_a_final_job_stays_as_it_is(api: Api, carry: Callable[..., None]) -> None:
    """Cancelling what is over changes nothing and is no error."""
    carry(api)
    job_id = api.chat().headers["x-busbar-job-id"]
    before = api.job(job_id)
    answered = api.cancel(job_id)
    assert (answered.status_code, answered.json) == (200, before)


def test_cancelling_twice_is_cancelling_once(api: Api) -> None:
    """The second call is answered like the first, down to the time."""
    job_id = api.later()
    assert api.cancel(job_id).json == api.cancel(job_id).json


def test_cancelling_a_running_job_twice_is_no_error(api: Api, carry: Callable[..., None]) -> None:
    """The wish may be repeated while the worker has not heard it."""
    gate = Gate(lambda _: Interrupted(cancelled=True))
    carry(api, gate)
    job_id = api.later()
    gate.begun()
    assert api.cancel(job_id).json == api.cancel(job_id).json
    gate.open()
    eventually(lambda: api.job(job_id)["status"] == "cancelled")


@pytest.mark.parametrize("raw", [b"", b"{}", b"not json", b'{"reason":"none"}'])
def test_the_body_does_not_matter(api: Api, raw: bytes) -> None:
    """Clients send an empty body, an empty object or none; there is nothing to say."""
    answered = api.post(f"{JOBS}/{api.later()}/cancel", raw=raw)
    assert answered.json["status"] == "cancelled"
