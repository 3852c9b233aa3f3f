"""The chat completions request, as far as the gateway looks into it."""

from typing import Any

import pytest

from app.domain.errors import BusbarError, InvalidRequest, OutOfRange
from app.domain.pricing import input_bound
from app.wire.openai.chat import MESSAGES_MAX, ChatRequest, extras, prompt, read

GOOD: dict[str, Any] = {"model": "text-max", "messages": [{"role": "user", "content": "hi"}]}


def refused(**fields: Any) -> BusbarError:
    """Return the refusal of a good body with these fields put in."""
    with pytest.raises(BusbarError) as caught:
        read({**GOOD, **fields})
    return caught.value


def taken(**fields: Any) -> ChatRequest:
    """Return what is read from a good body with these fields put in."""
    return read({**GOOD, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"max_tokens": 1},
        {"max_completion_tokens": 10_000_000},
        {"temperature": 0},
        {"temperature": 2},
        {"temperature": 0.7},
        {"top_p": 0},
        {"top_p": 1.0},
        {"n": 1},
        {"n": 128},
        {"stream": False},
        {"stream": True},
        {"store": True},
        {"stop": "\n"},
        {"stop": []},
        {"stop": ["a", "b", "c", "d"]},
        {"top_logprobs": 20},
        {"frequency_penalty": -2},
        {"presence_penalty": 2},
        {"logit_bias": {"50256": -100}},
        {"seed": -(2**70)},
        {"response_format": {"type": "json_object"}},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"tool_choice": "auto"},
        {"tool_choice": {"type": "function"}},
        {"parallel_tool_calls": False},
        {"user": "u"},
    ],
    ids=str,
)
def test_what_is_allowed_is_taken(fields: dict[str, Any]) -> None:
    """Both ends of every range are inside it, and a whole number is a number."""
    name, value = next(iter(fields.items()))
    assert getattr(taken(**fields), name) == value


@pytest.mark.parametrize(
    "name", sorted(set(ChatRequest.model_fields) - {"model", "messages", "stream"})
)
def test_null_means_unset(name: str) -> None:
    """The SDKs send null for what was not set."""
    assert getattr(taken(**{name: None}), name) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", 5),
        ("model", None),
        ("messages", "hi"),
        ("messages", {}),
        ("messages", None),
        ("messages", ["hi"]),
        ("messages", [{"content": "hi"}]),
        ("messages", [{"role": 1, "content": "hi"}]),
        ("messages", [{"role": "user", "content": 5}]),
        ("messages", [{"role": "user", "content": [5]}]),
        ("max_tokens", "10"),
        ("max_tokens", 1.0),
        ("max_tokens", True),
        ("max_completion_tokens", [1]),
        ("temperature", "0.7"),
        ("temperature", True),
        ("n", True),
        ("n", False),
        ("n", 1.0),
        ("stream", 1),
        ("stream", "false"),
        ("stop", 5),
        ("stop", ["a", 5]),
        ("seed", 1.5),
        ("seed", True),
        ("logit_bias", {"a": "b"}),
        ("tools", {}),
        ("tools", ["f"]),
        ("tool_choice", 1),
        ("response_format", "json"),
        ("parallel_tool_calls", 0),
        ("user", 7),
    ],
)
def test_a_wrong_type_is_a_400(field: str, value: Any) -> None:
    """Types are strict: text is no number, and true is not 1."""
    error = refused(**{field: value})
    assert isinstance(error, InvalidRequest)
    assert (error.param or "").startswith(field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", ""),
        ("model", "m" * 201),
        ("messages", []),
        ("messages", [{"role": "", "content": "hi"}]),
        ("messages", [{"role": "user", "content": "hi"}] * (MESSAGES_MAX + 1)),
        ("max_tokens", 0),
        ("max_tokens", -1),
        ("max_tokens", 10_000_001),
        ("max_completion_tokens", 0),
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("top_p", -0.1),
        ("top_p", 1.1),
        ("n", 0),
        ("n", 129),
        ("stop", ["a", "b", "c", "d", "e"]),
        ("top_logprobs", 21),
        ("frequency_penalty", 2.1),
        ("presence_penalty", -2.1),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_value_out_of_range_is_a_422(field: str, value: Any) -> None:
    """What is of the right type and out of range is refused as such, by its name."""
    error = refused(**{field: value})
    assert isinstance(error, OutOfRange)
    assert (error.param or "").startswith(field)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"stop": 5}, "stop"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"tool_choice": 5}, "tool_choice"),
    ],
)
def test_a_place_is_named_as_the_caller_wrote_it(fields: dict[str, Any], param: str) -> None:
    """The param of a fault is the caller's own field, without our words for its types."""
    assert refused(**fields).param == param


@pytest.mark.parametrize("name", ["model", "messages"])
def test_what_is_missing_is_named(name: str) -> None:
    """A request without a model or messages is refused by the name of what is missing."""
    with pytest.raises(InvalidRequest) as caught:
        read({key: value for key, value in GOOD.items() if key != name})
    assert caught.value.message == f"{name}: is required"


def test_all_faults_come_at_once() -> None:
    """Every field at fault is listed, and one wrong type makes it a 400."""
    error = refused(model="", n=0, temperature="hot", messages=[{"content": "hi"}])
    assert isinstance(error, InvalidRequest)
    assert {fault.where for fault in error.faults} == {
        "model",
        "n",
        "temperature",
        "messages[0].role",
    }


def test_faults_of_range_alone_are_a_422() -> None:
    """Several values out of range are all listed in one 422."""
    error = refused(n=0, temperature=9, top_p=9)
    assert isinstance(error, OutOfRange)
    assert [fault.where for fault in error.faults] == ["temperature", "top_p", "n"]


@pytest.mark.parametrize("role", ["developer", "tool", "critic", "latest_reminder"])
def test_any_role_is_taken(role: str) -> None:
    """Roles are the provider's business."""
    assert taken(messages=[{"role": role, "content": "hi"}]).messages[0].role == role


def test_unknown_keys_are_taken() -> None:
    """Keys nobody has heard of are no fault, in the body or in a message."""
    message = {"role": "user", "content": "hi", "reasoning_content": {"x": 1}}
    request = taken(messages=[message], service_tier="flex", stream_options=[1], webhook=None)
    assert (request.model_extra or {})["service_tier"] == "flex"
    assert (request.messages[0].model_extra or {})["reasoning_content"] == {"x": 1}


@pytest.mark.parametrize(
    "content", ["", None, "hi", ["hi"], [{"type": "text", "text": "hi"}], [], "\ud83d"]
)
def test_content_comes_in_several_forms(content: Any) -> None:
    """Text, parts, none at all, and text that is not quite Unicode are contents."""
    assert taken(messages=[{"role": "user", "content": content}]).messages[0].content == content


def test_a_message_may_have_no_content() -> None:
    """A message that calls tools has none."""
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    assert taken(messages=[{"role": "assistant", "tool_calls": calls}]).messages[0].content is None


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, None),
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 9}, 9),
        ({"max_tokens": 7, "max_completion_tokens": 9}, 9),
        ({"max_tokens": 9, "max_completion_tokens": 7}, 7),
    ],
)
def test_the_newer_name_of_the_limit_wins(fields: dict[str, int], tokens: int | None) -> None:
    """max_completion_tokens replaced max_tokens, and counts where both are set."""
    assert taken(**fields).output_tokens == tokens


@pytest.mark.parametrize(("n", "choices"), [(None, 1), (1, 1), (5, 5)])
def test_one_answer_is_wanted_unless_more_are(n: int | None, choices: int) -> None:
    """Without `n` there is one choice."""
    assert taken(n=n).choices == choices


def test_the_prompt_is_the_messages() -> None:
    """What is bounded is what was sent, not what was understood of it."""
    assert prompt(GOOD) is GOOD["messages"]


def test_extras_are_all_that_becomes_tokens_beside_the_messages() -> None:
    """Tools, functions and schemas are told in bytes, without escapes; null ones are not."""
    body = {
        **GOOD,
        "tools": [{"name": "é"}],
        "functions": None,
        "response_format": {"type": "\ud83d"},
    }
    assert extras(body) == ['[{"name": "é"}]'.encode(), b'{"type": "\xed\xa0\xbd"}']
    assert extras(GOOD) == []


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "5m"}},
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "hi", "annotations": [{"type": "url_citation", "url": "u"}]},
    ],
    ids=str,
)
def test_marks_on_text_do_not_make_it_an_image(part: dict[str, Any]) -> None:
    """Parts that clients of several vendors send are weighed by their bytes."""
    body = {**GOOD, "messages": [{"role": "user", "content": [part]}]}
    assert input_bound(prompt(body), extras(body), context_tokens=100_000) < 300


def test_settings_are_no_part_of_a_prompt() -> None:
    """What only steers a call weighs nothing; a field nobody knows may be a prompt."""
    settings = {"stream_options": {"include_usage": True}, "reasoning_effort": "low"}
    assert extras({**GOOD, **settings, "service_tier": "flex", "provider": {}}) == []
    assert extras({**GOOD, "of_next_year": 1}) == [b"1"]
