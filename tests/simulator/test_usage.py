"""What the simulator says it used."""

import json
from typing import Any

import pytest

from .running import Simulator

TEXTS = ["a", "ab", "Explain the tides.", "潮汐是什么", "ü" * 7, "🌊", "\ud800", "x" * 4_001]
UNIT = {"name": "unit", "description": "ünit", "parameters": {"type": "object"}}
TOOLS = [{"type": "function", "function": UNIT}]


def weight(text: str) -> int:
    """Return the UTF-8 bytes of a text, a lone surrogate being three."""
    return len(text.encode("utf-8", "surrogatepass"))


def used(simulator: Simulator, text: str, **fields: Any) -> dict[str, Any]:
    """Return the usage of one call."""
    answered: dict[str, Any] = simulator.chat(text, **fields).json()["usage"]
    return answered


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_weighs_more_tokens_than_bytes(simulator: Simulator, text: str) -> None:
    """Neither prompt nor answer is counted above its UTF-8 bytes, nor as nothing."""
    answered = simulator.chat(text).json()
    content = answered["choices"][0]["message"]["content"]
    assert 1 <= answered["usage"]["prompt_tokens"] <= weight(text)
    assert 1 <= answered["usage"]["completion_tokens"] <= weight(content)


def test_a_prompt_weighs_a_token_for_four_bytes(simulator: Simulator) -> None:
    """The counting rule is the one that is written down."""
    assert used(simulator, "x" * 4_003)["prompt_tokens"] == 1_000


def test_every_message_weighs_something(simulator: Simulator) -> None:
    """Three messages, all but empty, weigh three tokens."""
    messages = [{"role": "user", "content": text} for text in ("a", "", None)]
    assert used(simulator, "", messages=messages)["prompt_tokens"] == 3


def test_parts_and_tool_calls_are_counted(simulator: Simulator) -> None:
    """Text in parts and in earlier tool calls counts like other text, within its bytes."""
    call = {"id": "c", "type": "function", "function": {"name": "f" * 40, "arguments": "{}"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "x" * 40}, {"type": "image_url"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "y"},
    ]
    assert 20 <= used(simulator, "", messages=messages)["prompt_tokens"] <= 84


def test_tools_are_counted_within_their_bytes(simulator: Simulator) -> None:
    """Tools add to the prompt, but never more than their most compact JSON has bytes."""
    more = used(simulator, "a", tools=TOOLS)["prompt_tokens"] - 1
    assert 1 <= more <= weight(json.dumps(TOOLS, ensure_ascii=False, separators=(",", ":")))


def test_all_choices_are_counted(simulator: Simulator) -> None:
    """The completion tokens of several choices are added up."""
    answered = simulator.chat(n=4).json()
    sizes = [len(choice["message"]["content"]) // 4 for choice in answered["choices"]]
    assert answered["usage"]["completion_tokens"] == sum(sizes)


def test_the_total_is_the_sum_and_the_details_are_zero(simulator: Simulator) -> None:
    """Nothing is cached or reasoned, and the total adds up."""
    usage = used(simulator, "Explain the tides.")
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 0
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 0
