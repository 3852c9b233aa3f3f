"""POST /v1/messages/count_tokens: an estimate, at once."""

import time
from typing import Any

import pytest

from app.domain.errors import InvalidRequest, ModelNotFound, OutOfRange
from tests.web.api import ANTHROPIC, Api, assert_refused_as_anthropic

COUNT = "/v1/messages/count_tokens"
TINY: dict[str, Any] = {"model": "text-prime", "messages": [{"role": "user", "content": "foo"}]}
TOOL = {"name": "Read", "description": "Reads a file.", "input_schema": {"type": "object"}}


@pytest.mark.parametrize("path", [COUNT, f"{COUNT}?beta=true"])
def test_a_tiny_body_is_counted(api: Api, path: str) -> None:
    """A word and a tool are what agents send, one by one; the answer is a number and no more."""
    answered = api.post(path, TINY | {"tools": [TOOL]}, headers=ANTHROPIC)
    assert answered.status_code == 200, answered.text
    assert list(answered.json) == ["input_tokens"]
    assert type(answered.json["input_tokens"]) is int


def test_more_is_counted_as_more(api: Api) -> None:
    """System prompts, tools and longer texts add to the number."""
    more: list[dict[str, Any]] = [
        {},
        {"system": "Be brief."},
        {"tools": [TOOL], "tool_choice": {"type": "auto"}},
        {"thinking": {"type": "enabled", "budget_tokens": 1_024}},
        {"messages": [{"role": "user", "content": "foo " * 1_000}]},
    ]
    counts = [api.post(COUNT, TINY | each).json["input_tokens"] for each in more]
    assert counts[0] < min(counts[1:])


def test_what_only_a_call_needs_is_not_looked_at(api: Api) -> None:
    """Counting needs no limit, and does not mind one that a call would be refused for."""
    assert api.post(COUNT, TINY | {"max_tokens": 0}).status_code == 200


def test_counting_makes_no_job_and_costs_nothing(poor: Api) -> None:
    """Nothing is queued, so an empty balance does not matter."""
    assert poor.post(COUNT, TINY).status_code == 200
    assert poor.jobs() == []


def test_a_burst_is_answered_at_once(api: Api) -> None:
    """An agent that shows how full its context is asks some thirty times in a row."""
    big = TINY | {"system": "word " * 20_000, "tools": [TOOL] * 20}
    began = time.monotonic()
    assert {api.post(COUNT, big).status_code for _ in range(30)} == {200}
    assert time.monotonic() - began < 5


def test_an_unknown_model_is_a_404(api: Api) -> None:
    """There is nothing to count for what nobody serves."""
    answered = api.post(COUNT, TINY | {"model": "nobody"})
    assert_refused_as_anthropic(answered, 404, ModelNotFound, "not_found_error")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, InvalidRequest),
        ({"model": "text-prime"}, InvalidRequest),
        (TINY | {"messages": []}, OutOfRange),
        (TINY | {"tools": "Read"}, InvalidRequest),
        (TINY | {"system": 5}, InvalidRequest),
    ],
    ids=str,
)
def test_what_cannot_be_counted_is_a_400(
    api: Api, body: dict[str, Any], error: type[InvalidRequest]
) -> None:
    """A prompt is read here as it would be for an answer."""
    answered = api.post(COUNT, body)
    assert_refused_as_anthropic(answered, 400, error, "invalid_request_error")
