"""The messages request, as far as the gateway looks into it."""

import json
from typing import Any

import pytest

from app.domain.errors import BusbarError, InvalidRequest, OutOfRange
from app.wire.anthropic.messages import (
    MESSAGES_MAX,
    OUTPUT_TOKENS_DEFAULT,
    MessagesRequest,
    PromptRequest,
    read,
    read_prompt,
)
from app.wire.surface import MESSAGES, SURFACES

GOOD: dict[str, Any] = {"model": "text-max", "messages": [{"role": "user", "content": "hi"}]}


def refused(**fields: Any) -> BusbarError:
    """Return the refusal of a good body with these fields put in."""
    with pytest.raises(BusbarError) as caught:
        read({**GOOD, **fields})
    return caught.value


def taken(**fields: Any) -> MessagesRequest:
    """Return what is read from a good body with these fields put in."""
    return read({**GOOD, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 1},
        {"max_tokens": 10**20},
        {"temperature": 0},
        {"temperature": 2},
        {"top_p": 1.0},
        {"top_k": 0},
        {"stop_sequences": ["a"] * 20},
        {"stream": True},
        {"system": "Be brief."},
        {"system": [{"type": "text", "text": "Be brief.", "cache_control": {}}]},
        {"tools": [{"name": "f", "defer_loading": True, "of_next_year": 1}]},
        {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
        {"thinking": {"type": "adaptive", "display": "omitted"}},
        {"output_config": {"effort": "high"}},
        {"service_tier": "standard_only"},
    ],
    ids=lambda fields: str(fields)[:40],
)
def test_what_is_allowed_is_taken(fields: dict[str, Any]) -> None:
    """Both ends of every range are inside it, and a limit has no upper end: it is clamped."""
    name, value = next(iter(fields.items()))
    assert getattr(taken(**fields), name) == value


@pytest.mark.parametrize("name", sorted(set(MessagesRequest.model_fields) - {"model", "messages"}))
def test_null_means_unset(name: str) -> None:
    """Clients send null for what was not set."""
    assert getattr(taken(**{name: None}), name) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", 5),
        ("messages", "hi"),
        ("messages", [{"role": "user"}]),
        ("messages", [{"content": "hi"}]),
        ("messages", [{"role": "user", "content": None}]),
        ("messages", [{"role": "user", "content": ["hi"]}]),
        ("messages", ["hi"]),
        ("max_tokens", "10"),
        ("max_tokens", 1.0),
        ("max_tokens", True),
        ("temperature", "hot"),
        ("top_k", 1.5),
        ("stop_sequences", "stop"),
        ("stream", 1),
        ("system", 5),
        ("system", ["Be brief."]),
        ("tools", {}),
        ("tool_choice", "auto"),
        ("thinking", "adaptive"),
        ("metadata", "m"),
        ("metadata", {"user_id": 5}),
    ],
)
def test_a_wrong_type_is_told_as_one(field: str, value: Any) -> None:
    """Types are strict, and the place is named as the caller wrote it."""
    error = refused(**{field: value})
    assert isinstance(error, InvalidRequest)
    assert (error.param or "").startswith(field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", ""),
        ("messages", []),
        ("messages", [{"role": "user", "content": "hi"}] * (MESSAGES_MAX + 1)),
        ("max_tokens", 0),
        ("max_tokens", -1),
        ("temperature", 2.1),
        ("top_p", -0.1),
        ("top_k", -1),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_value_out_of_range_is_told_as_one(field: str, value: Any) -> None:
    """What is of the right type and out of range is refused by its name."""
    error = refused(**{field: value})
    assert isinstance(error, OutOfRange)
    assert (error.param or "").startswith(field)


@pytest.mark.parametrize("role", ["user", "assistant", "system", "developer", "of_next_year"])
def test_any_role_is_taken(role: str) -> None:
    """Coding agents put system messages between the turns."""
    assert taken(messages=[{"role": role, "content": "hi"}]).messages[0].role == role


def test_unknown_keys_and_blocks_are_taken() -> None:
    """Keys and block types nobody has heard of are no fault."""
    block = {"type": "of_next_year", "deep": [{"x": 1}]}
    request = taken(
        messages=[{"role": "user", "content": [block], "x": 1}],
        context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        betas=["x"],
        container=None,
    )
    assert request.messages[0].content == [block]
    assert (request.model_extra or {})["betas"] == ["x"]


@pytest.mark.parametrize("user_id", ["u", "", json.dumps({"a": "é" * 900}), "\0", "\ud83d"])
def test_a_user_id_is_any_string(user_id: str) -> None:
    """It goes to the provider and into no column of ours."""
    assert taken(metadata={"user_id": user_id, "x": 1}).metadata is not None


@pytest.mark.parametrize(("sent", "tokens"), [({}, OUTPUT_TOKENS_DEFAULT), ({"max_tokens": 7}, 7)])
def test_a_limit_may_be_left_out(sent: dict[str, int], tokens: int) -> None:
    """Without `max_tokens` there are 1024."""
    assert taken(**sent).output_tokens == tokens


def test_the_surface_asks_for_one_choice_that_is_clamped() -> None:
    """What the engine hears of a request: its stream, its limit, and that too much is lowered."""
    asked = MESSAGES.read({**GOOD, "stream": True, "max_tokens": 9, "store": True})
    assert (asked.model, asked.choices, asked.clamps) == ("text-max", 1, True)
    assert (asked.output_tokens, asked.output_field) == (9, "max_tokens")
    assert (asked.stream, asked.stored, asked.metadata) == (True, False, None)


def test_every_surface_is_found_by_its_path() -> None:
    """The table of surfaces names each by the path it is served at."""
    assert {path: surface.endpoint for path, surface in SURFACES.items()} == {
        "/v1/chat/completions": "/v1/chat/completions",
        "/v1/messages": "/v1/messages",
    }


def test_a_prompt_is_read_without_what_is_made_of_it() -> None:
    """What is only counted needs no limit, and may be as small as can be."""
    assert isinstance(read_prompt(GOOD), PromptRequest)
    assert read_prompt({**GOOD, "max_tokens": "never looked at"}).model == "text-max"
