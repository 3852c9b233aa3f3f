"""There and back again: what both dialects can say comes back as it was."""

import json
from typing import Any

import pytest

from app.translate import Dialect, answer, request

from .client import ID, MODEL
from .recorded_chat import CHAT
from .recorded_messages import MESSAGES

IMAGE_URL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
CHAT_REQUEST: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Where?"}, IMAGE_URL]},
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [
                {
                    "id": f"call_{at}",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Köln"}'},
                }
                for at in (1, 2)
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "Rain"},
        {"role": "tool", "tool_call_id": "call_2", "content": "Sun"},
        {"role": "user", "content": "So?"},
    ],
    "max_completion_tokens": 100,
    "temperature": 0.5,
    "stop": ["END"],
    "tools": [
        {
            "type": "function",
            "function": {"name": "weather", "description": "Tells.", "parameters": SCHEMA},
        }
    ],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
    },
    "user": "u1",
    "service_tier": "auto",
    "stream": True,
}
MESSAGES_REQUEST: dict[str, Any] = {
    "model": "m",
    "max_tokens": 100,
    "system": "Be brief.",
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Where?"},
                {"type": "image", "source": {"type": "url", "url": "https://a.test/b.png"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Köln"}},
                {"type": "tool_use", "id": "b", "name": "weather", "input": {"city": "Rom"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "Rain"},
                {"type": "tool_result", "tool_use_id": "b", "content": "Sun"},
                {"type": "text", "text": "So?"},
            ],
        },
    ],
    "tools": [{"name": "weather", "description": "Tells.", "input_schema": SCHEMA}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "stop_sequences": ["END"],
    "thinking": {"type": "adaptive"},
    "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "high"},
    "metadata": {"user_id": "u1"},
    "service_tier": "standard_only",
    "stream": False,
}


@pytest.mark.parametrize(
    ("body", "source"), [(CHAT_REQUEST, Dialect.CHAT), (MESSAGES_REQUEST, Dialect.MESSAGES)]
)
def test_a_request_comes_back(body: Any, source: Dialect) -> None:
    """A request that both can express survives the other dialect."""
    other = Dialect.MESSAGES if source == Dialect.CHAT else Dialect.CHAT
    there = request(body, source, other, reasoning=True)
    assert request(there, other, source, reasoning=True) == body


@pytest.mark.parametrize(
    ("body", "dialect"), [(CHAT_REQUEST, Dialect.CHAT), (MESSAGES_REQUEST, Dialect.MESSAGES)]
)
def test_a_request_of_the_same_dialect_is_a_copy(body: Any, dialect: Dialect) -> None:
    """Every field is kept, known or not, and changing the copy leaves the original."""
    asked = {**body, "new": {"a": 1}}
    copy = request(asked, dialect, dialect)
    assert copy == asked
    copy["model"] = "other"
    assert asked["model"] == body["model"]


@pytest.mark.parametrize("name", ["text", "one tool", "text and parallel tools", "cut short"])
def test_a_completion_comes_back(name: str) -> None:
    """A completion that both can express survives the other dialect."""
    body = CHAT[name].whole
    there = answer(body, Dialect.CHAT, Dialect.MESSAGES, id=ID, model=MODEL)
    back = answer(there, Dialect.MESSAGES, Dialect.CHAT, id=body["id"], model=body["model"])
    usage = back.pop("usage")
    assert {**back, "created": body["created"]} == {
        name: value for name, value in body.items() if name != "usage"
    }
    assert usage["total_tokens"] == body["usage"]["total_tokens"]


@pytest.mark.parametrize("name", ["text", "one tool", "text and parallel tools", "cut short"])
def test_a_message_comes_back(name: str) -> None:
    """A message that both can express survives the other dialect."""
    body = MESSAGES[name].whole
    there = answer(body, Dialect.MESSAGES, Dialect.CHAT, id=ID, model=MODEL)
    assert answer(there, Dialect.CHAT, Dialect.MESSAGES, id="msg_up", model="claude-up") == body


def test_arguments_no_object_can_hold_come_back() -> None:
    """A call cut short is sent back to a chat upstream as the model wrote it."""
    body = CHAT["a call cut short"].whole
    there = answer(body, Dialect.CHAT, Dialect.MESSAGES, id=ID, model=MODEL)
    turn = {"role": "assistant", "content": there["content"]}
    back = request({"messages": [turn]}, Dialect.MESSAGES, Dialect.CHAT)
    call = back["messages"][0]["tool_calls"][0]
    assert call["function"]["arguments"] == '{"city": "Pa'


def test_every_request_is_json() -> None:
    """What is sent upstream can be written."""
    for body, source in ((CHAT_REQUEST, Dialect.CHAT), (MESSAGES_REQUEST, Dialect.MESSAGES)):
        for target in Dialect:
            assert json.loads(json.dumps(request(body, source, target)))["model"] == "m"
