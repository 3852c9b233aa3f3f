"""POST /v1/chat/completions: a completion for those who wait."""

import json
from collections.abc import Callable

import pytest

from app.domain.attempt import Answer
from app.domain.errors import WaitTimedOut
from app.domain.ids import suffix
from app.services.start import Started
from tests.factories import chat_body
from tests.simulator.running import simulator_of
from tests.web.api import CHAT, Api, assert_marked, assert_refused

from .upstream import calling

ODD = b'{"id":"chatcmpl-1","object":"chat.completion","model":"text-prime","choices":[ ],"x":1.10}'


def test_a_completion_is_answered(api: Api, carry: Callable[..., None]) -> None:
    """Who waits gets the provider's answer as JSON, with 200."""
    carry(api)
    answered = api.chat("Say so.")
    assert answered.status_code == 200
    assert answered.headers["content-type"] == "application/json"
    assert answered.json["object"] == "chat.completion"
    assert answered.json["choices"][0]["message"]["content"] == "re: Say so."


def test_an_answer_is_passed_on_byte_for_byte(api: Api, carry: Callable[..., None]) -> None:
    """What the provider's adapter handed over is what the caller gets."""
    carry(api, lambda _: Answer(status_code=200, body=ODD, usage=None))
    assert api.chat().content == ODD


def test_an_answer_names_its_request_and_its_job(api: Api, carry: Callable[..., None]) -> None:
    """Both request ids and the job's id stand in the headers, and the job can be looked up."""
    carry(api)
    answered = api.chat()
    assert_marked(answered)
    job = api.job(answered.headers["x-busbar-job-id"])
    assert job["status"] == "succeeded"
    assert job["response"] == {"status_code": 200, "body": answered.json}


def test_an_answer_is_the_providers_under_our_name(api: Api, carry: Callable[..., None]) -> None:
    """An upstream's real answer comes with our id and the instrument's name, and its own rest."""
    with simulator_of() as simulator:
        carry(api, calling(f"{simulator.url}/v1"))
        answered = api.chat("Explain the tides.", model="Text-Prime")
        model = api.gateway.catalog.routes["text-prime"][0].model
        theirs = simulator.chat("Explain the tides.", max_tokens=100, model=model).json()
    job_id = answered.headers["x-busbar-job-id"]
    assert answered.json["id"] == f"chatcmpl-{suffix(job_id)}"
    assert answered.json["model"] == "text-prime"
    assert answered.json["choices"] == theirs["choices"]
    assert answered.json["usage"] == theirs["usage"]
    assert api.job(job_id)["usage"]["output_tokens"] == theirs["usage"]["completion_tokens"]


def test_every_request_has_an_id_of_its_own(api: Api) -> None:
    """No two answers bear the same request id."""
    ids = {api.get("/v1/balance").headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


def test_a_200_is_not_marked_as_replayed(api: Api, carry: Callable[..., None]) -> None:
    """A first answer neither claims to be a replay nor to be asynchronous."""
    carry(api)
    headers = api.chat().headers
    assert not {"idempotent-replayed", "preference-applied", "location"} & set(headers)


def test_the_provider_gets_the_callers_own_bytes(api: Api, carry: Callable[..., None]) -> None:
    """The body that travels on is the one that came, spaces, unknown keys and all."""
    seen: list[bytes] = []

    def script(job: Started) -> Answer:
        seen.append(job.request)
        return Answer(status_code=200, body=ODD, usage=None)

    carry(api, script)
    raw = b' { "model":"Text-Prime","messages":[{"role":"user","content":"\\u00e9"}] , "new_key":1}'
    assert api.post(CHAT, raw=raw).status_code == 200
    assert seen == [raw]


@pytest.mark.parametrize(
    "more",
    [
        {"a_key_of_next_year": {"deep": [1, None]}},
        {"metadata": {"a": "b"}, "store": True, "service_tier": "flex"},
        {"messages": [{"role": "developer", "content": "Be brief."}]},
        {"messages": [{"role": "of next year", "content": "Hm.", "mood": "good"}]},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "1"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}]},
        {"messages": [{"role": "user", "content": None}]},
        {"temperature": None, "stop": None, "stream": None},
        {"model": "TEXT-PRIME"},
        {"stream": False},
    ],
    ids=str,
)
def test_unknown_keys_and_roles_are_taken(api: Api, more: dict[str, object]) -> None:
    """SDKs send more every month; what we do not know is the provider's business."""
    answered = api.post(CHAT, chat_body() | more, headers={"Prefer": "respond-async"})
    assert answered.status_code == 202, answered.text


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain", "nonsense"])
def test_the_content_type_is_not_asked_for(api: Api, content_type: str | None) -> None:
    """A body is JSON whatever its header says, or does not say."""
    headers = {"Prefer": "respond-async"}
    if content_type is not None:
        headers["Content-Type"] = content_type
    assert api.post(CHAT, chat_body(), headers=headers).status_code == 202


def test_a_waiting_caller_gives_up_with_the_jobs_id(api: Api) -> None:
    """When the wait is over before the job is: 504, retryable, and the message names the job."""
    answered = api.chat(headers={"Prefer": "wait=1"})
    assert_refused(answered, 504, WaitTimedOut)
    assert answered.headers["x-should-retry"] == "true"
    assert answered.headers["x-busbar-job-id"] in answered.json["error"]["message"]
    assert api.job(answered.headers["x-busbar-job-id"])["status"] == "queued"


def test_an_answer_costs_what_it_used(api: Api, carry: Callable[..., None]) -> None:
    """After a completion the balance is down by the job's cost, and nothing is held."""
    carry(api)
    job = api.job(api.chat().headers["x-busbar-job-id"])
    balance = api.balance()
    assert (balance["spent"], balance["held"]) == (job["cost"], "0.00")
    assert json.dumps(job["usage"]) == json.dumps(
        {"input_tokens": 10, "output_tokens": 20, "cached_tokens": 0, "reasoning_tokens": 0}
    )
