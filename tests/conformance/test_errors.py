"""Every error the SDKs may meet: class, code, type, request id, and how often they try."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
import requests

from app.domain import apikey
from app.domain.errors import Fault
from tests.factories import Customer

from .house import House

UNKNOWN = apikey.make_key(bytes(apikey.ENTROPY_BYTES))
MODEL = "openai-drain"
HELLO: Any = [{"role": "user", "content": "Hello."}]


class Sdks:
    """Both SDKs for a customer, and how many requests either has sent."""

    def __init__(self, house: House, key: str) -> None:
        self.sent = 0
        hooks: Any = {"request": [self._count]}
        self.chat = openai.OpenAI(
            base_url=f"{house.server.url}/v1",
            api_key=key,
            http_client=openai.DefaultHttpxClient(event_hooks=hooks),
        )
        self.messages = anthropic.Anthropic(
            base_url=house.server.url,
            api_key=key,
            http_client=anthropic.DefaultHttpxClient(event_hooks=hooks),
        )

    def _count(self, _: Any) -> None:
        self.sent += 1

    def ask_chat(self, **more: Any) -> Any:
        """Ask through the OpenAI SDK."""
        return self.chat.chat.completions.create(**{"model": MODEL, "messages": HELLO, **more})

    def ask_messages(self, **more: Any) -> Any:
        """Ask through the Anthropic SDK."""
        asked = {"model": MODEL, "messages": HELLO, "max_tokens": 50, **more}
        return self.messages.messages.create(**asked)

    def close(self) -> None:
        """Give the connections back."""
        self.chat.close()
        self.messages.close()


@pytest.fixture
def sdks_of(house: House) -> Iterator[Callable[[str], Sdks]]:
    """Make both SDKs for a key; they are closed with the test."""
    made: list[Sdks] = []

    def make(key: str) -> Sdks:
        made.append(Sdks(house, key))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def sdks(sdks_of: Callable[[str], Sdks], customer: Customer) -> Sdks:
    """Both SDKs for a customer with money."""
    return sdks_of(customer.key)


CASES: Any = [
    # what is asked, exception on chat, its code, exception on messages, its type, requests sent
    (
        {"model": "nowhere"},
        (openai.NotFoundError, "model_not_found"),
        (anthropic.NotFoundError, "not_found_error"),
    ),
    (
        {"messages": "not a list"},
        (openai.BadRequestError, "invalid_request"),
        (anthropic.BadRequestError, "invalid_request_error"),
    ),
    (
        {"messages": []},
        (openai.UnprocessableEntityError, "invalid_value"),
        (anthropic.APIStatusError, "invalid_request_error"),
    ),
    (
        {"extra_body": {"temperature": 9}},
        (openai.UnprocessableEntityError, "invalid_value"),
        (anthropic.APIStatusError, "invalid_request_error"),
    ),
]


@pytest.mark.parametrize(("asked", "on_chat", "on_messages"), CASES)
def test_what_the_caller_did_wrong_is_said_once(
    sdks: Sdks, asked: Any, on_chat: Any, on_messages: Any
) -> None:
    """A caller's fault raises the vendor's own class with a code, and is not sent again."""
    with pytest.raises(on_chat[0]) as chat:
        sdks.ask_chat(**asked)
    assert chat.value.code == on_chat[1]
    assert chat.value.request_id.startswith("req_")
    with pytest.raises(on_messages[0]) as messages:
        sdks.ask_messages(**asked)
    assert messages.value.type == on_messages[1]
    assert messages.value.request_id.startswith("req_")
    assert sdks.sent == 2


@pytest.mark.parametrize("key", [UNKNOWN, "sk-not-ours"])
def test_a_wrong_key(sdks_of: Callable[[str], Sdks], key: str) -> None:
    """A key nobody has is an AuthenticationError on both, once each."""
    sdks = sdks_of(key)
    with pytest.raises(openai.AuthenticationError) as chat:
        sdks.ask_chat()
    with pytest.raises(anthropic.AuthenticationError) as messages:
        sdks.ask_messages()
    assert chat.value.code == "invalid_api_key"
    assert messages.value.type == "authentication_error"
    assert sdks.sent == 2


def test_an_empty_balance(sdks_of: Callable[[str], Sdks], house: House) -> None:
    """Without money it is 402 on both, once each: nothing changes without a person."""
    sdks = sdks_of(house.customer("0").key)
    with pytest.raises(openai.APIStatusError) as chat:
        sdks.ask_chat()
    with pytest.raises(anthropic.APIStatusError) as messages:
        sdks.ask_messages()
    assert (chat.value.status_code, chat.value.code) == (402, "insufficient_balance")
    assert (messages.value.status_code, messages.value.type) == (402, "billing_error")
    assert sdks.sent == 2
    assert house.simulator.calls()["total"] == 0


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_provider_refuses(sdks: Sdks, house: House, *, stream: bool) -> None:
    """A 400 of the provider's is a BadRequestError, asked of the provider once each."""
    house.simulator.set({"fault": "status", "status": 400})
    with pytest.raises(openai.BadRequestError):
        sdks.ask_chat(stream=stream)
    with pytest.raises(anthropic.BadRequestError):
        sdks.ask_messages(stream=stream)
    assert sdks.sent == house.simulator.calls()["total"] == 2


def test_a_provider_that_is_busy_for_a_moment(sdks: Sdks, house: House) -> None:
    """A 503 with Retry-After is the gateway's to wait out: the SDKs see one good answer."""
    house.simulator.set({"fault": "status", "status": 503, "retry_after_s": 0, "times": 2})
    assert sdks.ask_chat().choices[0].message.content
    assert sdks.ask_messages().content
    assert sdks.sent == 2
    assert house.simulator.calls()["total"] == 4


def test_a_wrong_path(sdks: Sdks) -> None:
    """A base URL with one /v1 too many is a 404 that is not a model's."""
    with pytest.raises(openai.NotFoundError) as raised:
        sdks.chat.post("/v1/chat/completions", cast_to=object, body={})
    assert raised.value.code == "path_not_found"


def test_a_body_that_is_too_large(sdks: Sdks) -> None:
    """More than ten million bytes are a 413 on both, not sent again."""
    text = "x" * 10_000_001
    with pytest.raises(openai.APIStatusError) as chat:
        sdks.ask_chat(messages=[{"role": "user", "content": text}])
    with pytest.raises(anthropic.APIStatusError) as messages:
        sdks.ask_messages(messages=[{"role": "user", "content": text}])
    assert (chat.value.status_code, chat.value.code) == (413, "request_too_large")
    assert (messages.value.status_code, messages.value.type) == (413, "request_too_large")
    assert sdks.sent == 2


def test_a_key_sent_twice_and_differently(house: House, customer: Customer) -> None:
    """Two different keys in one request are refused, two equal ones are not."""
    url = f"{house.server.url}/v1/models"
    bearer = {"Authorization": f"Bearer {customer.key}"}
    assert requests.get(url, headers={**bearer, "x-api-key": UNKNOWN}, timeout=9).status_code == 401
    good = requests.get(url, headers={**bearer, "x-api-key": customer.key}, timeout=9)
    assert good.status_code == 200


def test_a_time_out_attaches_to_the_running_job(
    sdks_of: Callable[[str], Sdks], house: House, customer: Customer
) -> None:
    """An SDK that gives up and tries again gets the answer of the job it started: one call."""
    house.simulator.set(latency={"kind": "fixed", "ms": 2_500})
    sdks = sdks_of(customer.key)
    question: Any = [{"role": "user", "content": f"Slow {uuid.uuid4()}"}]
    patient = sdks.chat.with_options(timeout=1.2, max_retries=3)
    assert patient.chat.completions.create(model=MODEL, messages=question).choices
    assert sdks.sent > 1
    assert house.simulator.calls()["total"] == 1
    hasty = sdks.messages.with_options(timeout=1.2, max_retries=3)
    assert hasty.messages.create(model=MODEL, max_tokens=50, messages=question).content
    assert house.simulator.calls()["total"] == 2


def test_an_idempotency_key_is_honoured(sdks: Sdks, house: House) -> None:
    """The same key and body is the same answer, on both surfaces, for one call each."""
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    assert sdks.ask_chat(extra_headers=headers) == sdks.ask_chat(extra_headers=headers)
    other = {"Idempotency-Key": uuid.uuid4().hex}
    assert sdks.ask_messages(extra_headers=other) == sdks.ask_messages(extra_headers=other)
    assert house.simulator.calls()["total"] == 2
    with pytest.raises(openai.UnprocessableEntityError) as raised:
        sdks.ask_chat(extra_headers=headers, n=2)
    assert raised.value.code == "idempotency_key_reused"


def test_faults_are_all_told(sdks: Sdks) -> None:
    """Several faults of one request come together."""
    with pytest.raises(openai.BadRequestError) as raised:
        sdks.ask_chat(messages=[{"content": "no role"}], extra_body={"temperature": "warm"})
    body: Any = raised.value.body
    told = {Fault(where=f["where"], what=f["what"]).where for f in body["faults"]}
    assert {"messages[0].role", "temperature"} <= told
