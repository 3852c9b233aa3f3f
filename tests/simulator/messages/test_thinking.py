"""Thinking before a message."""

from typing import Any

import pytest

from tests.simulator.running import Simulator

from .reading import text

ENABLED = {"type": "enabled", "budget_tokens": 1_024}
ADAPTIVE = {"type": "adaptive"}
TOOL = {"name": "weather", "input_schema": {"type": "object"}}


def thought(simulator: Simulator, prompt: str = "Explain the tides.", **config: Any) -> Any:
    """Return the first block of a message that was thought about."""
    return simulator.message(prompt, thinking=config).json()["content"][0]


def again(block: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a conversation that hands a thought back."""
    said = {"type": "text", "text": "It is the moon."}
    return [
        {"role": "user", "content": "Explain the tides."},
        {"role": "assistant", "content": [block, said]},
        {"role": "user", "content": "Why the moon?"},
    ]


@pytest.mark.parametrize("config", [ENABLED, ADAPTIVE])
def test_a_thought_comes_before_the_text(simulator: Simulator, config: dict[str, Any]) -> None:
    """Thinking is a signed block of its own, and the text is the one given without it."""
    answered = simulator.message(thinking=config)
    first, second = answered.json()["content"]
    assert (first["type"], second["type"]) == ("thinking", "text")
    assert first["thinking"]
    assert first["signature"]
    assert text(answered) == text(simulator.message())


def test_nothing_is_thought_unasked(simulator: Simulator) -> None:
    """Without thinking, or with thinking disabled, there is only text."""
    assert thought(simulator, type="disabled")["type"] == "text"


def test_thinking_is_charged_and_told(simulator: Simulator) -> None:
    """Thinking adds to the output tokens, by as much as the details say."""
    plain = simulator.message().json()["usage"]
    usage = simulator.message(thinking=ADAPTIVE).json()["usage"]
    spent = usage["output_tokens_details"]["thinking_tokens"]
    assert spent > 0
    assert usage["output_tokens"] == plain["output_tokens"] + spent
    assert plain["output_tokens_details"]["thinking_tokens"] == 0


def test_an_omitted_thought_is_signed_and_charged(simulator: Simulator) -> None:
    """Thinking that is not displayed is empty, but has its signature and its price."""
    shown = simulator.message(thinking=ADAPTIVE).json()
    hidden = simulator.message(thinking={**ADAPTIVE, "display": "omitted"}).json()
    assert (hidden["content"][0]["thinking"], bool(hidden["content"][0]["signature"])) == ("", True)
    assert hidden["usage"] == shown["usage"]


def test_a_secret_thought_is_redacted(simulator: Simulator) -> None:
    """On request a thought comes as data nobody can read."""
    block = thought(simulator, "think in secret", **ADAPTIVE)
    assert block["type"] == "redacted_thinking"
    assert block["data"]


@pytest.mark.parametrize("prompt", ["Explain the tides.", "think in secret"])
def test_a_thought_may_be_handed_back(simulator: Simulator, prompt: str) -> None:
    """A thought that was signed here is accepted, and weighs nothing."""
    block = thought(simulator, prompt, **ADAPTIVE)
    with_it = simulator.message(messages=again(block)).json()
    without = simulator.message(messages=again({"type": "text", "text": "Hm."})).json()
    assert with_it["usage"]["input_tokens"] <= without["usage"]["input_tokens"]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "Hm.", "signature": ""},
        {"type": "thinking", "thinking": "Hm.", "signature": "sim.abc.def"},
        {"type": "thinking", "thinking": "Hm."},
        {"type": "redacted_thinking", "data": "AAAA"},
    ],
)
def test_a_forged_thought_is_refused(simulator: Simulator, block: dict[str, Any]) -> None:
    """A thought that was not signed here is the caller's error, named by its place."""
    refused = simulator.message(messages=again(block))
    assert refused.status_code == 400
    assert "messages.1.content.0" in refused.json()["error"]["message"]


def test_thinking_takes_from_the_limit(simulator: Simulator) -> None:
    """A limit that thinking uses up leaves nothing to say."""
    answered = simulator.message(thinking=ADAPTIVE, max_tokens=3).json()
    assert [block["type"] for block in answered["content"]] == ["thinking"]
    assert (answered["usage"]["output_tokens"], answered["stop_reason"]) == (3, "max_tokens")


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": ENABLED, "max_tokens": 1_024},
        {"thinking": {"type": "enabled", "budget_tokens": 1_023}},
        {"thinking": {"type": "enabled"}},
        {"thinking": {"type": "deep"}},
        {"thinking": ENABLED, "tools": [TOOL], "tool_choice": {"type": "any"}},
    ],
)
def test_thinking_that_cannot_be_is_refused(simulator: Simulator, fields: dict[str, Any]) -> None:
    """A budget out of its bounds, an unknown kind, and a forced tool are the caller's errors."""
    refused = simulator.message(**fields)
    assert refused.status_code == 400
    assert "thinking" in refused.json()["error"]["message"].lower()


def test_thinking_may_wait_for_tools(simulator: Simulator) -> None:
    """Thinking between tools begins only once a tool has answered."""
    between = {"type": "between_tools"}
    use = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"}
    turns = [
        {"role": "user", "content": "How is the weather?"},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
    ]
    first = simulator.message(thinking=between, tools=[TOOL]).json()
    second = simulator.message(thinking=between, tools=[TOOL], messages=turns).json()
    assert [one["content"][0]["type"] for one in (first, second)] == ["text", "thinking"]
