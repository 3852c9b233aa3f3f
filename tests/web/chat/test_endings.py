"""How a job that did not succeed leaves towards the caller who waits for it."""

import threading
from collections.abc import Callable

import pytest
from falcon.testing import Result

from app.domain import errors
from app.domain.attempt import FailureKind, Interrupted
from app.domain.errors import BusbarError
from app.services.keeping.sweep import sweep
from app.services.start import start
from tests.factories import WORKER, failure
from tests.web.api import JOBS, Api, assert_refused
from tests.web.carrier import Gate
from tests.web.polling import BOUND_S, eventually


class Waiting:
    """A caller who waits for a completion in a thread of its own."""

    def __init__(self, api: Api, **headers: str) -> None:
        self._answered: list[Result] = []
        self._thread = threading.Thread(
            target=lambda: self._answered.append(api.chat(headers=headers))
        )
        self._thread.start()

    def answer(self) -> Result:
        """Return what the caller was answered."""
        self._thread.join(BOUND_S)
        return self._answered[0]


def assert_final(answered: Result, status: int, error: type[BusbarError]) -> None:
    """Check that an answer is that error, names its job, and is not to be tried again."""
    assert_refused(answered, status, error)
    assert answered.headers["x-busbar-job-id"].startswith("job_")
    assert answered.headers["x-should-retry"] == "false"


def only_job(api: Api) -> str:
    """Return the id of the customer's one job, once it is there."""
    (job,) = eventually(api.jobs)
    return str(job["id"])


def test_a_waiting_caller_without_money_gets_402(poor: Api, carry: Callable[..., None]) -> None:
    """An empty balance is told at once, as final, in both envelopes and as the job's error."""
    carry(poor)
    answered = poor.chat()
    assert_final(answered, 402, errors.InsufficientBalance)
    assert answered.json["error"]["type"] == "insufficient_quota"
    assert answered.json["errors"]["detail"] == answered.json["error"]["message"]
    assert "the balance has $0.00 available" in answered.json["error"]["message"]
    (job,) = poor.jobs()
    assert job["error"]["message"] == answered.json["error"]["message"]


def test_an_asynchronous_job_waits_for_money(poor: Api, carry: Callable[..., None]) -> None:
    """A job nobody waits for does not fail for an empty balance: it says what it waits for."""
    carry(poor)
    job_id = poor.later()
    (job,) = eventually(lambda: poor.jobs("status=waiting"))
    assert (job["id"], job["reason"], job["attempts"]) == (job_id, "balance", 0)


@pytest.mark.parametrize("status", [400, 413, 418, 422])
def test_a_request_the_provider_refused_is_the_callers(
    api: Api, carry: Callable[..., None], status: int
) -> None:
    """The provider's own 4xx and its words are passed on, and nothing is paid."""
    carry(api, lambda _: failure(FailureKind.REJECTED, status_code=status))
    answered = api.chat()
    assert_final(answered, status, errors.ProviderRejected)
    assert answered.json["error"]["message"] == "It did not work."
    assert api.balance()["spent"] == "0.00"


def test_a_failed_job_shows_what_the_caller_was_told(api: Api, carry: Callable[..., None]) -> None:
    """The job keeps the status and the envelope that its waiting caller got."""
    carry(api, lambda _: failure(FailureKind.REJECTED, status_code=400))
    answered = api.chat()
    job = api.job(answered.headers["x-busbar-job-id"])
    assert job["status"] == "failed"
    assert job["response"] == {"status_code": 400, "body": answered.json}
    assert job["error"] == {"code": "provider_rejected", "message": "It did not work."}


def test_a_provider_that_never_answers_is_a_503(api: Api, carry: Callable[..., None]) -> None:
    """When all attempts are used up the caller hears 503, and not to ask again by itself."""
    impatient = api.with_settings(attempts_max=1)
    carry(impatient, lambda _: failure())
    assert_final(impatient.chat(), 503, errors.ProviderUnavailable)


def test_a_job_cancelled_in_the_queue_wakes_its_caller(api: Api) -> None:
    """Who waits for a queued job hears at once that somebody cancelled it."""
    caller = Waiting(api)
    assert api.cancel(only_job(api)).status_code == 200
    assert_final(caller.answer(), 409, errors.JobCancelled)


def test_a_job_cancelled_in_its_call_wakes_its_caller(api: Api, carry: Callable[..., None]) -> None:
    """Who waits for a running job hears that it was cancelled once its worker has let go."""
    gate = Gate(lambda _: Interrupted(cancelled=True))
    carry(api, gate)
    caller = Waiting(api)
    gate.begun()
    assert api.cancel(only_job(api)).json["status"] == "running"
    gate.open()
    assert_final(caller.answer(), 409, errors.JobCancelled)


def test_a_job_whose_workers_died_is_a_500(api: Api) -> None:
    """Three workers lost: the caller hears 500, and not to send the poison again."""
    caller = Waiting(api)
    job_id = only_job(api)
    deadly = api.with_settings(lease_s=0.001).gateway
    for _ in range(3):
        assert start(deadly, [job_id], WORKER).started
        eventually(lambda: sweep(deadly) and not api.jobs("status=running"))
    assert_final(caller.answer(), 500, errors.WorkerLost)


def test_a_job_past_its_deadline_is_a_504(api: Api) -> None:
    """A deadline that passed is told as final: asking again would not help."""
    hasty = api.with_settings(deadline_s=1)
    caller = Waiting(hasty)
    eventually(lambda: sweep(hasty.gateway) and hasty.jobs("status=expired"))
    assert_final(caller.answer(), 504, errors.DeadlinePassed)


def test_what_failed_can_be_read_as_often_as_one_likes(
    api: Api, carry: Callable[..., None]
) -> None:
    """A failed job stays as it is."""
    carry(api, lambda _: failure(FailureKind.REJECTED, status_code=400))
    path = f"{JOBS}/{api.chat().headers['x-busbar-job-id']}"
    assert api.get(path).json == api.get(path).json
