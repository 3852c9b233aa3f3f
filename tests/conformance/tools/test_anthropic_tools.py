"""Tools and structured output through the official Anthropic SDK, on either upstream."""

import json
from typing import Any

import anthropic

WEATHER: Any = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}

TIME: Any = {
    "name": "get_time",
    "input_schema": {
        "type": "object",
        "properties": {"zone": {"type": "string"}},
        "required": ["zone"],
    },
}

BOTH = "use the tool get_weather and use the tool get_time in parallel"

SCHEMA: Any = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "inhabitants": {"type": "integer"}},
    "required": ["name", "inhabitants"],
    "additionalProperties": False,
}


def user(content: Any) -> Any:
    """Return the messages of one question."""
    return [{"role": "user", "content": content}]


def text_of(message: Any) -> str:
    """Return all the text of a message."""
    return "".join(block.text for block in message.content if block.type == "text")


def test_a_tool_is_called_and_its_result_used(messages: anthropic.Anthropic, model: str) -> None:
    """A forced call has input that fits, and the round after it ends in text."""
    asked = user("What is the weather in Oslo?")
    first = messages.messages.create(
        model=model,
        max_tokens=500,
        messages=asked,
        tools=[WEATHER, TIME],
        tool_choice={"type": "tool", "name": "get_weather"},
    )
    (call,) = [block for block in first.content if block.type == "tool_use"]
    assert first.stop_reason == "tool_use"
    assert call.name == "get_weather"
    assert "city" in call.input
    result: Any = {"type": "tool_result", "tool_use_id": call.id, "content": "3 degrees and snow"}
    second = messages.messages.create(
        model=model,
        max_tokens=500,
        messages=[*asked, {"role": "assistant", "content": first.content}, *user([result])],
        tools=[WEATHER, TIME],
    )
    assert "3 degrees and snow" in text_of(second)


def test_parallel_tools(messages: anthropic.Anthropic, model: str) -> None:
    """Two calls come in one answer, and the results of both go back in one turn."""
    asked = user(BOTH)
    first = messages.messages.create(
        model=model, max_tokens=500, messages=asked, tools=[WEATHER, TIME]
    )
    calls = [block for block in first.content if block.type == "tool_use"]
    assert [call.name for call in calls] == ["get_weather", "get_time"]
    results: Any = [
        {"type": "tool_result", "tool_use_id": call.id, "content": said, "is_error": False}
        for call, said in zip(calls, ["3 degrees", "noon"], strict=True)
    ]
    second = messages.messages.create(
        model=model,
        max_tokens=500,
        messages=[*asked, {"role": "assistant", "content": first.content}, *user(results)],
        tools=[WEATHER, TIME],
    )
    assert second.stop_reason == "end_turn"
    assert "noon" in text_of(second)


def test_parallel_tools_in_a_stream(messages: anthropic.Anthropic, model: str) -> None:
    """Two calls arrive as blocks of fragments, and the SDK's helper puts them together."""
    with messages.messages.stream(
        model=model, max_tokens=500, messages=user(BOTH), tools=[WEATHER, TIME]
    ) as stream:
        final = stream.get_final_message()
    calls = [block for block in final.content if block.type == "tool_use"]
    assert [call.name for call in calls] == ["get_weather", "get_time"]
    assert "city" in calls[0].input
    assert "zone" in calls[1].input
    assert final.stop_reason == "tool_use"


def test_structured_output(messages: anthropic.Anthropic, model: str) -> None:
    """An answer to a JSON schema fits it."""
    answer = messages.messages.create(
        model=model,
        max_tokens=500,
        messages=user("A city?"),
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
    )
    city = json.loads(text_of(answer))
    assert set(city) == {"name", "inhabitants"}


def test_structured_output_in_a_stream(messages: anthropic.Anthropic, model: str) -> None:
    """The pieces of a structured answer make JSON that fits."""
    with messages.messages.stream(
        model=model,
        max_tokens=500,
        messages=user("A city?"),
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
    ) as stream:
        city = json.loads("".join(stream.text_stream))
    assert set(city) == {"name", "inhabitants"}
