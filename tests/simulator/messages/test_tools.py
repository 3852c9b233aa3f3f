"""Tools called in messages."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.simulator.running import Simulator

from .reading import text

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
    "required": ["city", "days"],
}
TOOLS = [{"name": name, "input_schema": SCHEMA} for name in ("weather", "news")]
BOTH = "use the tool weather\nuse the tool news\nin parallel, please"


def uses(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the tool uses of a message."""
    return [block for block in message["content"] if block["type"] == "tool_use"]


def handed_in(message: dict[str, Any], *results: str) -> list[dict[str, Any]]:
    """Return a conversation where the tools of a message have answered."""
    blocks = [
        {"type": "tool_result", "tool_use_id": use["id"], "content": result}
        for use, result in zip(uses(message), results, strict=True)
    ]
    return [
        {"role": "user", "content": BOTH},
        {"role": "assistant", "content": message["content"]},
        {"role": "user", "content": blocks},
    ]


@pytest.mark.parametrize(
    ("choice", "names"),
    [({"type": "any"}, {"weather", "news"}), ({"type": "tool", "name": "news"}, {"news"})],
)
def test_a_required_tool_is_called_with_fitting_input(
    simulator: Simulator, choice: dict[str, Any], names: set[str]
) -> None:
    """A call names one of the tools, or the one asked for, and its input fits; nothing is said."""
    answered = simulator.message(tools=TOOLS, tool_choice=choice).json()
    (use,) = answered["content"]
    Draft202012Validator(SCHEMA).validate(use["input"])
    assert use["id"].startswith("toolu_")
    assert use["name"] in names
    assert answered["stop_reason"] == "tool_use"


def test_the_same_tool_is_picked_in_both_protocols(simulator: Simulator) -> None:
    """Where any tool will do, both protocols call the same one with the same input."""
    functions = [
        {"type": "function", "function": {"name": one["name"], "parameters": SCHEMA}}
        for one in TOOLS
    ]
    chat = simulator.chat(tools=functions, tool_choice="required").json()
    call = chat["choices"][0]["message"]["tool_calls"][0]["function"]
    (use,) = uses(simulator.message(tools=TOOLS, tool_choice={"type": "any"}).json())
    assert use["name"] == call["name"]


@pytest.mark.parametrize("choice", [None, {"type": "auto"}])
def test_a_tool_left_to_choice_is_not_called(
    simulator: Simulator, choice: dict[str, Any] | None
) -> None:
    """Where the model may choose and nobody asked for a tool, it talks."""
    answered = simulator.message(tools=TOOLS, tool_choice=choice).json()
    assert uses(answered) == []


def test_a_forbidden_tool_is_not_called(simulator: Simulator) -> None:
    """With `none` no tool is called, whatever the user says."""
    answered = simulator.message(BOTH, tools=TOOLS, tool_choice={"type": "none"})
    assert uses(answered.json()) == []


def test_tools_are_called_in_parallel(simulator: Simulator) -> None:
    """Asked for, several tools are called in one turn, each under an id of its own."""
    answered = simulator.message(BOTH, tools=TOOLS).json()
    assert [use["name"] for use in uses(answered)] == ["weather", "news"]
    assert len({use["id"] for use in uses(answered)}) == 2


def test_parallel_calls_can_be_disabled(simulator: Simulator) -> None:
    """Where several calls at once are not wanted, one comes."""
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    answered = simulator.message(BOTH, tools=TOOLS, tool_choice=choice).json()
    assert [use["name"] for use in uses(answered)] == ["weather"]


def test_results_are_quoted(simulator: Simulator) -> None:
    """After the results comes a text that quotes them all."""
    called = simulator.message(BOTH, tools=TOOLS).json()
    answered = text(
        simulator.message(tools=TOOLS, messages=handed_in(called, "sunny", "all quiet"))
    )
    assert "sunny" in answered
    assert "all quiet" in answered


def test_a_cut_call_has_no_input(simulator: Simulator) -> None:
    """Arguments that the limit cut short are no object, so the whole message shows an empty one."""
    fields: dict[str, Any] = {"tools": TOOLS, "tool_choice": {"type": "any"}}
    answered = simulator.message(max_tokens=2, **fields).json()
    assert [use["input"] for use in uses(answered)] == [{}]
    assert answered["stop_reason"] == "max_tokens"


def test_a_tool_loaded_later_is_not_called(simulator: Simulator) -> None:
    """A tool that only stands in for others is never called."""
    later = [{**TOOLS[0], "defer_loading": True}, TOOLS[1]]
    answered = simulator.message(BOTH, tools=later).json()
    assert [use["name"] for use in uses(answered)] == ["news"]
