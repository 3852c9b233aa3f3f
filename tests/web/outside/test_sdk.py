"""The official OpenAI SDK, unmodified, against the submitter as a real process."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import openai
import pytest

from app.domain import apikey
from app.domain.attempt import FailureKind, Interrupted
from tests.factories import failure
from tests.web.api import JOBS, Api
from tests.web.carrier import Gate

from .sdk import Sdk

pytestmark = pytest.mark.xdist_group("web server")

UNKNOWN = apikey.make_key(bytes(apikey.ENTROPY_BYTES))


def test_a_completion(api: Api, sdk_of: Callable[..., Sdk], carry: Callable[..., None]) -> None:
    """The typed object holds the answer, and the request id that its headers bore."""
    carry(api)
    completion = sdk_of(api.customer.key).ask("Hello.")
    assert completion.choices[0].message.content == "re: Hello."
    assert completion.object == "chat.completion"
    assert completion._request_id is not None
    assert completion._request_id.startswith("req_")


@pytest.mark.parametrize("key", [UNKNOWN, "sk-typo"], ids=["unknown", "malformed"])
def test_a_bad_key(sdk_of: Callable[..., Sdk], key: str) -> None:
    """AuthenticationError with code and request id, after one attempt."""
    sdk = sdk_of(key)
    with pytest.raises(openai.AuthenticationError) as caught:
        sdk.ask()
    assert (caught.value.code, caught.value.type) == ("invalid_api_key", "authentication_error")
    assert (caught.value.request_id or "").startswith("req_")
    assert len(sdk.sent) == 1


def test_an_empty_balance(
    poor: Api, sdk_of: Callable[..., Sdk], carry: Callable[..., None]
) -> None:
    """402 is final: one attempt, and the code says why."""
    carry(poor)
    sdk = sdk_of(poor.customer.key)
    with pytest.raises(openai.APIStatusError) as caught:
        sdk.ask()
    assert (caught.value.status_code, caught.value.code) == (402, "insufficient_balance")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert len(sdk.sent) == 1


@pytest.mark.parametrize(
    ("asked", "raised", "code", "param"),
    [
        ({"model": "gpt-4"}, openai.NotFoundError, "model_not_found", "model"),
        ({"temperature": 3}, openai.UnprocessableEntityError, "invalid_value", "temperature"),
        ({"temperature": "hot"}, openai.BadRequestError, "invalid_request", "temperature"),
        ({"messages": "Hi."}, openai.BadRequestError, "invalid_request", "messages"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_request_that_cannot_be_taken(
    api: Api,
    sdk_of: Callable[..., Sdk],
    asked: dict[str, Any],
    raised: type[openai.APIStatusError],
    code: str,
    param: str,
) -> None:
    """Each refusal is the class SDK users catch, with code, param and id, after one attempt."""
    sdk = sdk_of(api.customer.key)
    with pytest.raises(raised) as caught:
        sdk.ask(**asked)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert param in caught.value.message
    assert (caught.value.request_id or "").startswith("req_")
    assert len(sdk.sent) == 1


@pytest.mark.parametrize(
    ("status", "raised"),
    [(400, openai.BadRequestError), (422, openai.UnprocessableEntityError)],
)
def test_a_request_the_provider_refused(
    api: Api,
    sdk_of: Callable[..., Sdk],
    carry: Callable[..., None],
    status: int,
    raised: type[openai.APIStatusError],
) -> None:
    """The provider's refusal reaches the caller as one, after one attempt."""
    carry(api, lambda _: failure(FailureKind.REJECTED, status_code=status))
    sdk = sdk_of(api.customer.key)
    with pytest.raises(raised, match="It did not work"):
        sdk.ask()
    assert len(sdk.sent) == 1


def test_a_cancelled_job_is_not_retried(
    api: Api, sdk_of: Callable[..., Sdk], carry: Callable[..., None]
) -> None:
    """SDKs retry a 409 unless told otherwise; for a cancelled job they are told."""
    carry(api, lambda _: Interrupted(cancelled=True))
    sdk = sdk_of(api.customer.key)
    with pytest.raises(openai.ConflictError) as caught:
        sdk.ask()
    assert caught.value.code == "job_cancelled"
    assert len(sdk.sent) == 1


def test_a_timeout_and_its_retries_are_one_job(
    api: Api, sdk_of: Callable[..., Sdk], carry: Callable[..., None]
) -> None:
    """A client that gives up and asks again by itself gets the job it began: one job, paid once."""
    gate = Gate()
    tries: list[str] = []

    def note(request: Any) -> None:
        tries.append(request.headers["x-stainless-retry-count"])
        if len(tries) > 1:
            gate.open()

    carry(api, gate)
    completion = sdk_of(api.customer.key, note=note, timeout=0.5, max_retries=2).ask("Slowly.")
    assert completion.choices[0].message.content == "re: Slowly."
    assert tries[:2] == ["0", "1"]
    (job,) = api.jobs()
    assert (job["status"], job["attempts"]) == ("succeeded", 1)
    assert api.balance()["spent"] == job["cost"]


def test_a_job_instead_of_a_completion(api: Api, sdk_of: Callable[..., Sdk]) -> None:
    """With a raw response and `Prefer: respond-async` SDK users get the 202 and its job."""
    raw = sdk_of(api.customer.key).client.chat.completions.with_raw_response.create(
        model="text-prime",
        messages=[{"role": "user", "content": "Later."}],
        extra_headers={"Prefer": "respond-async"},
    )
    assert raw.status_code == 202
    job = json.loads(raw.text)
    assert (job["object"], job["status"]) == ("job", "queued")
    assert raw.headers["location"] == f"{JOBS}/{job['id']}"
    assert raw.headers["x-busbar-job-id"] == job["id"]
    assert api.job(job["id"])["id"] == job["id"]


def test_what_the_sdk_sends_on_top_is_taken(
    api: Api, sdk_of: Callable[..., Sdk], carry: Callable[..., None]
) -> None:
    """Keys the SDK knows and we do not, and keys nobody knows, do no harm."""
    carry(api)
    completion = sdk_of(api.customer.key).ask(
        "Hm.",
        store=True,
        metadata={"a": "b"},
        reasoning_effort="low",
        service_tier="flex",
        extra_body={"of_next_year": {"deep": [1]}},
    )
    assert completion.choices[0].message.content == "re: Hm."


def test_an_idempotency_key_from_the_sdk(
    api: Api, sdk_of: Callable[..., Sdk], carry: Callable[..., None]
) -> None:
    """A key in `extra_headers` makes two calls one job."""
    carry(api)
    sdk = sdk_of(api.customer.key)
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    first, second = (sdk.ask("Once.", extra_headers=headers) for _ in range(2))
    assert first.id == second.id
    assert len(api.jobs()) == 1
