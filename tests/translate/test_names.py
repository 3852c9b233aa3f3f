"""Names of tools that another vendor would refuse, there and back."""

import re
from typing import Any

import pytest

from app.translate import Dialect, answer, request, tool_names

from .client import ID, MODEL, accumulated, sent, translator
from .recorded_chat import CHAT as CHAT_ANSWERS
from .recorded_messages import MESSAGES as MESSAGES_ANSWERS

LONG = "mcp__a_server_with_a_long_name__" + "and_a_tool_with_a_longer_one_" * 3
ODD = "functions.get weather/ü"
SCHEMA = {"type": "object", "properties": {}}
TAKEN = re.compile(r"[a-zA-Z0-9_-]{1,64}")

CALL = {"type": "tool_use", "id": "t", "name": LONG, "input": {}}
MESSAGES: dict[str, Any] = {
    "max_tokens": 9,
    "messages": [
        {"role": "assistant", "content": [CALL]},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t", "content": "Rain"},
                {"type": "tool_reference", "tool_name": LONG},
            ],
        },
    ],
    "tools": [{"name": LONG, "input_schema": SCHEMA}, {"name": "short", "input_schema": SCHEMA}],
    "tool_choice": {"type": "tool", "name": LONG},
}
FUNCTION = {"name": ODD, "parameters": SCHEMA}
CHAT: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [{"id": "t", "function": {**FUNCTION}}]},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": ODD}},
}


def test_a_chat_upstream_hears_one_name_everywhere() -> None:
    """Tools, choice, calls of the past and results of a search agree on a name that is taken."""
    told = request(MESSAGES, Dialect.MESSAGES, Dialect.CHAT)
    name = told["tools"][0]["function"]["name"]
    assert TAKEN.fullmatch(name)
    assert name != LONG
    assert told["tool_choice"]["function"]["name"] == name
    assert told["messages"][0]["tool_calls"][0]["function"]["name"] == name
    assert told["messages"][-1]["content"] == f"Tool found: {name}"
    assert told["tools"][1]["function"]["name"] == "short"


def test_a_messages_upstream_hears_one_name_everywhere() -> None:
    """Self-hosted servers take names with dots and spaces, this vendor does not."""
    told = request(CHAT, Dialect.CHAT, Dialect.MESSAGES)
    name = told["tools"][0]["name"]
    assert TAKEN.fullmatch(name)
    assert told["tool_choice"] == {"type": "tool", "name": name}
    assert told["messages"][1]["content"][0]["name"] == name


def test_long_names_that_begin_alike_stay_apart() -> None:
    """What is cut off still counts."""
    tools = [{"name": LONG + end, "input_schema": SCHEMA} for end in "ab"]
    names = tool_names({"tools": tools}, Dialect.MESSAGES, Dialect.CHAT)
    assert sorted(names.values()) == [LONG + "a", LONG + "b"]


@pytest.mark.parametrize("dialect", Dialect)
def test_names_in_the_same_dialect_are_left_alone(dialect: Dialect) -> None:
    """What a client says to its own vendor is theirs to judge."""
    body = CHAT if dialect is Dialect.CHAT else MESSAGES
    assert tool_names(body, dialect, dialect) == {}
    assert request(body, dialect, dialect) == body


@pytest.mark.parametrize("source", Dialect)
def test_a_call_comes_back_under_the_clients_name(source: Dialect) -> None:
    """Streamed and whole, and only the names that were changed."""
    target = Dialect.MESSAGES if source is Dialect.CHAT else Dialect.CHAT
    recorded = (CHAT_ANSWERS if source is Dialect.CHAT else MESSAGES_ANSWERS)["one tool"]
    names = {"weather": LONG, "unheard_of": "other"}
    whole = answer(recorded.whole, source, target, id=ID, model=MODEL, names=names)
    events = sent(translator(source, target, names=names), recorded.stream)
    for body in (whole, accumulated(events, target)):
        assert f"'name': '{LONG}'" in str(body)
        assert "'name': 'weather'" not in str(body)


def test_the_names_are_those_of_the_request() -> None:
    """Each tool that was given another name is found by it."""
    told = request(MESSAGES, Dialect.MESSAGES, Dialect.CHAT)
    new = told["tools"][0]["function"]["name"]
    assert tool_names(MESSAGES, Dialect.MESSAGES, Dialect.CHAT) == {new: LONG}
    (odd,) = tool_names(CHAT, Dialect.CHAT, Dialect.MESSAGES).values()
    assert odd == ODD
