"""How errors and failed jobs leave on the messages surface."""

import json
from collections.abc import Callable

import pytest

from app.domain import errors
from app.domain.attempt import FailureKind, Interrupted
from app.gateway import Gateway
from tests.factories import failure
from tests.web.api import (
    ANTHROPIC,
    ASYNC,
    CHAT,
    MESSAGES,
    Api,
    assert_refused,
    assert_refused_as_anthropic,
    message_body,
    open_api,
)
from tests.web.database import away


def test_an_empty_balance_is_a_billing_error(poor: Api, carry: Callable[..., None]) -> None:
    """402, final, in that vendor's words, with both amounts."""
    carry(poor)
    answered = poor.message()
    assert_refused_as_anthropic(answered, 402, errors.InsufficientBalance, "billing_error")
    assert answered.headers["x-should-retry"] == "false"
    assert "the balance has $0.00 available" in answered.json["error"]["message"]


def test_a_provider_that_never_answers_is_a_529(api: Api, carry: Callable[..., None]) -> None:
    """What chat clients hear as 503 has a status of its own here, with the same verdict."""
    impatient = api.with_settings(attempts_max=1)
    carry(impatient, lambda _: failure())
    answered = impatient.message()
    assert_refused_as_anthropic(answered, 529, errors.ProviderUnavailable, "overloaded_error")
    assert answered.headers["x-should-retry"] == "false"


def test_one_failure_is_told_to_each_surface_in_its_way(
    api: Api, carry: Callable[..., None]
) -> None:
    """The same refusal of the same provider has two envelopes and one sentence."""
    carry(api, lambda _: failure(FailureKind.REJECTED, status_code=400))
    message, chat = api.message(), api.chat()
    assert_refused_as_anthropic(message, 400, errors.ProviderRejected, "invalid_request_error")
    assert_refused(chat, 400, errors.ProviderRejected)
    assert message.json["error"]["message"] == chat.json["error"]["message"] == "It did not work."


def test_a_request_the_provider_finds_too_large_is_called_so(
    api: Api, carry: Callable[..., None]
) -> None:
    """A provider's own 413 keeps its status and gets its type."""
    carry(api, lambda _: failure(FailureKind.REJECTED, status_code=413))
    answered = api.message()
    assert_refused_as_anthropic(answered, 413, errors.ProviderRejected, "request_too_large")


def test_a_cancelled_job_is_not_retried(api: Api, carry: Callable[..., None]) -> None:
    """SDKs retry a 409 unless they are told otherwise."""
    carry(api, lambda _: Interrupted(cancelled=True))
    answered = api.message()
    assert_refused_as_anthropic(answered, 409, errors.JobCancelled, "conflict_error")
    assert answered.headers["x-should-retry"] == "false"


def test_a_failed_job_shows_what_its_caller_was_told(api: Api, carry: Callable[..., None]) -> None:
    """The job keeps the status and the envelope of its surface; only the request's id is not its.

    The native `error` beside them is the same for both surfaces.
    """
    impatient = api.with_settings(attempts_max=1)
    carry(impatient, lambda _: failure())
    answered = impatient.message()
    job = api.job(answered.headers["x-busbar-job-id"])
    told = {name: value for name, value in answered.json.items() if name != "request_id"}
    assert job["response"] == {"status_code": 529, "body": told}
    assert job["error"]["code"] == "provider_unavailable"


def test_a_wait_that_is_over_is_a_timeout(api: Api) -> None:
    """504, retryable, with the job's id in the message: a retry joins the job."""
    answered = api.message(headers={"Prefer": "wait=0"})
    assert_refused_as_anthropic(answered, 504, errors.WaitTimedOut, "timeout_error")
    assert answered.headers["x-should-retry"] == "true"
    job_id = answered.headers["x-busbar-job-id"]
    assert job_id in answered.json["error"]["message"]
    retried = api.message(headers=ASYNC | {"x-stainless-retry-count": "1"})
    assert (retried.status_code, retried.json["id"]) == (202, job_id)


def test_a_client_that_listens_for_a_second_is_answered_within_it(api: Api) -> None:
    """A synchronous call waits no longer than its client's own time-out, told in a header."""
    answered = api.message(headers={"x-stainless-read-timeout": "2", "x-stainless-timeout": "2"})
    assert_refused_as_anthropic(answered, 504, errors.WaitTimedOut, "timeout_error")


def test_a_202_is_given_to_who_asks_for_it(api: Api) -> None:
    """`Prefer: respond-async` is answered with the job here too."""
    answered = api.message(headers=ASYNC)
    assert (answered.status_code, answered.json["object"]) == (202, "job")


def test_an_unknown_instrument_is_a_404(api: Api) -> None:
    """The message names it, and where to look."""
    answered = api.message(model="claude-nobody", headers=ASYNC)
    assert_refused_as_anthropic(answered, 404, errors.ModelNotFound, "not_found_error")
    assert "'claude-nobody'" in answered.json["error"]["message"]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b'{"a":NaN}', b'{"a":1,"a":2}', b"\xff"])
def test_what_is_not_strict_json_is_a_400(api: Api, raw: bytes) -> None:
    """A body is read by the same rules on both surfaces."""
    answered = api.post(MESSAGES, raw=raw)
    assert_refused_as_anthropic(answered, 400, errors.InvalidRequest, "invalid_request_error")


def test_a_body_past_the_limit_is_a_413(api: Api) -> None:
    """One byte more than the gateway takes is too much; the agent is told to shorten."""
    frugal = api.with_settings(body_bytes_max=1_000)
    raw = json.dumps(message_body()).encode().ljust(1_001)
    answered = frugal.post(MESSAGES, raw=raw)
    assert_refused_as_anthropic(answered, 413, errors.RequestTooLarge, "request_too_large")


def test_a_key_of_one_surface_is_no_key_of_the_other(api: Api) -> None:
    """An Idempotency-Key stands for one request: the same body elsewhere is another one, 422."""
    headers = ASYNC | {"Idempotency-Key": "one for both"}
    assert api.post(CHAT, message_body(), headers=headers).status_code == 202
    answered = api.post(MESSAGES, message_body(), headers=headers)
    assert_refused_as_anthropic(answered, 422, errors.IdempotencyMismatch, "invalid_request_error")


def test_a_retry_joins_no_job_of_the_other_surface(api: Api) -> None:
    """The same bytes sent to the other path are another call."""
    job_id = api.post(CHAT, message_body(), headers=ASYNC).json["id"]
    headers = ASYNC | {"x-stainless-retry-count": "1"}
    assert api.post(MESSAGES, message_body(), headers=headers).json["id"] != job_id


def test_a_database_that_is_away_is_overloaded(gateway: Gateway) -> None:
    """503 with a time to come back, in an envelope that vendor's clients read."""
    api = open_api(gateway)
    assert api.jobs() == []
    with away(gateway.settings):
        answered = api.message(headers=ASYNC)
    assert_refused_as_anthropic(answered, 503, errors.DatabaseUnavailable, "overloaded_error")
    assert answered.headers["x-should-retry"] == "true"
    assert 1 <= int(answered.headers["retry-after"]) <= 60


def test_a_fault_of_ours_is_an_api_error(api: Api) -> None:
    """What nobody planned for is a 500 that tells the request's id and no more."""
    broken = api.with_settings(body_bytes_max="not a number")
    answered = broken.post(MESSAGES, message_body(), headers=ANTHROPIC)
    assert_refused_as_anthropic(answered, 500, errors.BusbarError, "api_error")
    assert answered.headers["request-id"] in answered.json["error"]["message"]
