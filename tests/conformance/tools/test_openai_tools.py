"""Tools and structured output through the official OpenAI SDK, on either upstream protocol."""

import json
from typing import Any

import openai
from pydantic import BaseModel

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}

TIME: Any = {
    "type": "function",
    "function": {
        "name": "get_time",
        "parameters": {
            "type": "object",
            "properties": {"zone": {"type": "string"}},
            "required": ["zone"],
        },
    },
}

BOTH = "use the tool get_weather and use the tool get_time in parallel"


def user(content: Any) -> Any:
    """Return the messages of one question."""
    return [{"role": "user", "content": content}]


class City(BaseModel):
    """What a structured answer holds."""

    name: str
    inhabitants: int


def test_a_tool_is_called_and_its_result_used(chat: openai.OpenAI, model: str) -> None:
    """A forced call has arguments that fit, and the round after it ends in text."""
    asked = user("What is the weather in Oslo?")
    forced: Any = {"type": "function", "function": {"name": "get_weather"}}
    first = chat.chat.completions.create(
        model=model, messages=asked, tools=[WEATHER, TIME], tool_choice=forced
    )
    (call,) = first.choices[0].message.tool_calls or []
    assert first.choices[0].finish_reason in ("tool_calls", "stop")
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert "city" in json.loads(call.function.arguments)
    told: Any = first.choices[0].message.model_dump(exclude_none=True)
    second = chat.chat.completions.create(
        model=model,
        messages=[
            *asked,
            told,
            {"role": "tool", "tool_call_id": call.id, "content": "3 degrees and snow"},
        ],
        tools=[WEATHER, TIME],
    )
    assert "3 degrees and snow" in (second.choices[0].message.content or "")


def test_parallel_tools(chat: openai.OpenAI, model: str) -> None:
    """Two calls come in one answer, and the results of both go back in one round."""
    asked = user(BOTH)
    first = chat.chat.completions.create(model=model, messages=asked, tools=[WEATHER, TIME])
    calls: Any = first.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    results: Any = [
        {"role": "tool", "tool_call_id": call.id, "content": said}
        for call, said in zip(calls, ["3 degrees", "noon"], strict=True)
    ]
    told: Any = first.choices[0].message.model_dump(exclude_none=True)
    second = chat.chat.completions.create(
        model=model, messages=[*asked, told, *results], tools=[WEATHER, TIME]
    )
    assert second.choices[0].finish_reason == "stop"
    assert "noon" in (second.choices[0].message.content or "")


def test_parallel_tools_in_a_stream(chat: openai.OpenAI, model: str) -> None:
    """Two calls arrive as fragments by index, and the SDK's helper puts them together."""
    with chat.chat.completions.stream(
        model=model, messages=user(BOTH), tools=[WEATHER, TIME]
    ) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    assert "city" in json.loads(calls[0].function.arguments)
    assert "zone" in json.loads(calls[1].function.arguments)
    assert len({call.id for call in calls}) == 2
    assert final.choices[0].finish_reason == "tool_calls"


def test_structured_output(chat: openai.OpenAI, model: str) -> None:
    """An answer to a JSON schema is parsed into its class."""
    parsed = chat.chat.completions.parse(
        model=model, messages=user("A city?"), response_format=City
    )
    assert isinstance(parsed.choices[0].message.parsed, City)


def test_structured_output_in_a_stream(chat: openai.OpenAI, model: str) -> None:
    """The pieces of a structured answer are parsed into its class at the end."""
    with chat.chat.completions.stream(
        model=model, messages=user("A city?"), response_format=City
    ) as stream:
        final = stream.get_final_completion()
    assert isinstance(final.choices[0].message.parsed, City)
