"""POST /v1/messages: the same engine, asked in the other vendor's way."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.attempt import Answer
from app.domain.errors import InvalidRequest, OutOfRange
from app.services.start import Started
from app.wire.anthropic.messages import OUTPUT_TOKENS_DEFAULT
from app.wire.dialects import VERSIONS
from tests.web.api import (
    ASYNC,
    JOBS,
    MESSAGES,
    Api,
    assert_marked,
    assert_refused_as_anthropic,
    message_body,
)
from tests.web.carrier import echo

ODD = b'{"id":"msg_1","type":"message","content":[ ],"x":1.10}'

CODING_AGENT: dict[str, Any] = {
    "model": "text-prime",
    "max_tokens": 128_000,
    "stream": False,
    "system": [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1"},
        {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "say hi"}]},
        {"role": "system", "content": "The time is noon."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "", "signature": "c2ln"},
                {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"source": {}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_1",
                    "is_error": False,
                    "content": [{"type": "text", "text": "found"}],
                    "cache_control": {"type": "ephemeral"},
                },
                {"type": "text", "text": "go on"},
            ],
        },
    ],
    "tools": [
        {"name": "Read", "description": "Read.", "input_schema": {"type": "object"}},
        {"name": "DeferredToolPlaceholder", "input_schema": {}, "defer_loading": True},
    ],
    "thinking": {"type": "adaptive", "display": "omitted"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "output_config": {"effort": "medium"},
    "metadata": {"user_id": json.dumps({"device_id": "d" * 900, "session_id": "s"})},
}
"""What a coding agent sends, shortened."""


@pytest.fixture
def seen(api: Api, carry: Callable[..., None]) -> list[Started]:
    """The jobs a worker was given, all of them answered."""
    jobs: list[Started] = []

    def script(job: Started) -> Answer:
        jobs.append(job)
        return echo(job)

    carry(api, script)
    return jobs


def test_a_message_is_answered(api: Api, carry: Callable[..., None]) -> None:
    """Who waits gets the answer as JSON, with its ids."""
    carry(api)
    answered = api.message("Say so.")
    assert answered.status_code == 200
    assert answered.headers["content-type"] == "application/json"
    assert answered.json["type"] == "message"
    assert answered.json["content"] == [{"type": "text", "text": "re: Say so."}]
    assert_marked(answered)


def test_an_answer_is_passed_on_byte_for_byte(api: Api, carry: Callable[..., None]) -> None:
    """What the provider's adapter handed over is what the caller gets."""
    carry(api, lambda _: Answer(status_code=200, body=ODD, usage=None))
    assert api.message().content == ODD


def test_a_message_is_a_job_like_any_other(api: Api, carry: Callable[..., None]) -> None:
    """It has an id, an endpoint, usage and a cost, and its answer can be read again."""
    carry(api)
    answered = api.message()
    job = api.job(answered.headers["x-busbar-job-id"])
    assert (job["endpoint"], job["status"]) == (MESSAGES, "succeeded")
    assert job["response"] == {"status_code": 200, "body": answered.json}
    assert api.balance()["spent"] == job["cost"] != "0.00"


def test_the_beta_path_is_the_same_path(api: Api, carry: Callable[..., None]) -> None:
    """Older clients add `?beta=true` where they use a beta."""
    carry(api)
    assert api.post(f"{MESSAGES}?beta=true", message_body()).status_code == 200


@pytest.mark.parametrize("version", [*VERSIONS, None, ""])
def test_every_version_in_use_is_served(api: Api, version: str | None) -> None:
    """Both versions of the API are, and a client that names none."""
    headers = ASYNC if version is None else ASYNC | {"anthropic-version": version}
    assert api.post(MESSAGES, message_body(), headers=headers).status_code == 202


@pytest.mark.parametrize("version", ["2023-01-01", "2030-01-01", "latest", "é", "x" * 5_000])
def test_another_version_is_a_400_that_names_the_two(api: Api, version: str) -> None:
    """A version nobody here knows is refused, with those that are."""
    answered = api.message(headers=ASYNC | {"anthropic-version": version})
    assert_refused_as_anthropic(answered, 400, InvalidRequest, "invalid_request_error")
    assert all(known in answered.json["error"]["message"] for known in VERSIONS)
    assert len(answered.json["error"]["message"]) < 300
    assert api.jobs() == []


def test_a_version_on_chat_does_not_matter(api: Api) -> None:
    """A header that is not that surface's is not looked at."""
    assert api.chat(headers=ASYNC | {"anthropic-version": "latest"}).status_code == 202


def test_a_coding_agents_request_is_taken(api: Api, seen: list[Started]) -> None:
    """System messages inside messages, unknown betas and tools, an id that is JSON: no 400."""
    answered = api.post(
        f"{MESSAGES}?beta=true",
        CODING_AGENT,
        headers={"anthropic-beta": "claude-code-20250219,of-next-year-2099-01-01"},
    )
    assert answered.status_code == 200, answered.text
    assert json.loads(seen[0].request) == CODING_AGENT
    assert seen[0].betas == "claude-code-20250219,of-next-year-2099-01-01"


def test_more_output_than_there_is_is_clamped(api: Api, seen: list[Started]) -> None:
    """Who asks for 128,000 tokens is held for what the instrument gives, and not refused."""
    api.post(MESSAGES, CODING_AGENT)
    limit = api.gateway.catalog.instruments["text-prime"].output_tokens_max
    assert seen[0].output_tokens_max == limit < CODING_AGENT["max_tokens"]


def test_a_limit_may_be_left_out(api: Api, seen: list[Started]) -> None:
    """Without `max_tokens` an answer may have 1024 tokens."""
    body = message_body()
    del body["max_tokens"]
    api.post(MESSAGES, body)
    assert seen[0].output_tokens_max == OUTPUT_TOKENS_DEFAULT


def test_text_alone_is_not_weighed_as_the_whole_context(api: Api, seen: list[Started]) -> None:
    """Cache marks, tool calls, tool results and thinking are bounded by their bytes."""
    api.post(MESSAGES, CODING_AGENT)
    context = api.gateway.catalog.instruments["text-prime"].context_tokens
    assert seen[0].input_tokens_max < 2_500 < context


def test_an_image_is_weighed_as_the_whole_context(api: Api, seen: list[Started]) -> None:
    """Nobody can tell an image's tokens by its bytes, so all there can be is held."""
    image = {"type": "image", "source": {"type": "base64", "media_type": "x", "data": "AAAA"}}
    content = [image, {"type": "text", "text": "What is it?"}]
    api.message(messages=[{"role": "user", "content": content}])
    context = api.gateway.catalog.instruments["text-prime"].context_tokens
    assert seen[0].input_tokens_max == context


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"messages": "Hi."}, InvalidRequest),
        ({"messages": [{"role": "user"}]}, InvalidRequest),
        ({"messages": []}, OutOfRange),
        ({"max_tokens": "100"}, InvalidRequest),
        ({"max_tokens": 0}, OutOfRange),
        ({"temperature": 2.1}, OutOfRange),
        ({"system": 5}, InvalidRequest),
        ({"stream": "yes"}, InvalidRequest),
    ],
    ids=str,
)
def test_what_cannot_be_taken_is_a_400(
    api: Api, fields: dict[str, Any], error: type[InvalidRequest]
) -> None:
    """This vendor has one status for a wrong type and a value out of range; the field is named."""
    answered = api.message(headers=ASYNC, **fields)
    assert_refused_as_anthropic(answered, 400, error, "invalid_request_error")
    assert next(iter(fields)) in answered.json["error"]["message"]
    assert answered.json["error"]["details"]["faults"]
    assert api.jobs() == []


def test_a_message_can_be_submitted_as_a_job(api: Api, seen: list[Started]) -> None:
    """The native API takes both endpoints, alone and in lists."""
    entry = {"endpoint": MESSAGES, "body": message_body("Later.")}
    one = api.post(JOBS, entry)
    assert one.status_code == 202, one.text
    assert api.job(one.json["id"], wait_s=20)["response"]["body"]["type"] == "message"
    many = api.post(JOBS, {"jobs": [entry, entry]})
    assert [job["endpoint"] for job in many.json["data"]] == [MESSAGES, MESSAGES]


def test_a_chat_body_is_no_message(api: Api) -> None:
    """Each endpoint reads its own dialect: a chat message without content is no messages turn."""
    body = {"model": "text-prime", "messages": [{"role": "assistant", "tool_calls": []}]}
    refused = api.post(JOBS, {"endpoint": MESSAGES, "body": body})
    assert refused.status_code == 400
    assert refused.json["error"]["param"] == "messages[0].content"
