"""Reasoning in the chat protocol."""

from typing import Any

import pytest

from .running import Simulator, frames, said


def message(simulator: Simulator, **fields: Any) -> Any:
    """Return the message of one answer."""
    return simulator.chat(**fields).json()["choices"][0]["message"]


def test_reasoning_is_charged_and_not_shown(simulator: Simulator) -> None:
    """Effort spends tokens that are told apart, and changes nothing of what is said."""
    plain, reasoned = simulator.chat(), simulator.chat(reasoning_effort="low")
    spent = reasoned.json()["usage"]["completion_tokens_details"]["reasoning_tokens"]
    before = plain.json()["usage"]["completion_tokens"]
    assert spent > 0
    assert reasoned.json()["usage"]["completion_tokens"] == before + spent
    assert reasoned.json()["choices"] == plain.json()["choices"]


def test_no_effort_is_no_reasoning(simulator: Simulator) -> None:
    """Effort can be turned off, on models that reason unasked too."""
    for model in ("sim", "reasoner-a"):
        usage = simulator.chat(model=model, reasoning_effort="none").json()["usage"]
        assert usage["completion_tokens_details"]["reasoning_tokens"] == 0


def test_both_protocols_think_alike(simulator: Simulator) -> None:
    """What a model that reasons aloud says in chat is the thinking of the other protocol."""
    answered = simulator.message(model="reasoner-a", thinking={"type": "adaptive"}).json()
    shown = message(simulator, model="reasoner-a")
    assert shown["reasoning_content"] == answered["content"][0]["thinking"]
    usage = simulator.chat(model="reasoner-a").json()["usage"]
    assert usage["completion_tokens"] == answered["usage"]["output_tokens"]


def test_reasoning_aloud_is_streamed_first(simulator: Simulator) -> None:
    """The fragments of the reasoning come before those of the content, and add up."""
    deltas = [
        chunk["choices"][0]["delta"]
        for chunk in frames(simulator.chat(model="reasoner-a", stream=True))
    ]
    kinds = ["reasoning_content" in delta for delta in deltas[1:-1]]
    assert kinds == sorted(kinds, reverse=True)
    added = "".join(delta.get("reasoning_content", "") for delta in deltas)
    assert added == message(simulator, model="reasoner-a")["reasoning_content"]


def test_reasoning_takes_from_the_limit(simulator: Simulator) -> None:
    """A limit that reasoning uses up leaves nothing to say."""
    answered = simulator.chat(reasoning_effort="high", max_completion_tokens=3)
    usage = answered.json()["usage"]
    assert said(answered) == ""
    assert answered.json()["choices"][0]["finish_reason"] == "length"
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 3


def test_a_refusal_is_streamed_as_one(simulator: Simulator) -> None:
    """In a stream a refusal comes as its own deltas and ends as filtered content."""
    choices = [one["choices"][0] for one in frames(simulator.chat("please refuse", stream=True))]
    refusal = "".join(choice["delta"].get("refusal") or "" for choice in choices)
    assert refusal == message(simulator, text="please refuse")["refusal"]
    assert choices[-1]["finish_reason"] == "content_filter"


@pytest.mark.parametrize(
    ("messages", "param"),
    [
        ([{"role": "tool", "tool_call_id": "c"}], "messages[0].tool_call_id"),
        ([{"role": "assistant", "tool_calls": [{"id": "c"}]}], "messages[1].role"),
        (
            [{"role": "assistant", "tool_calls": [{"id": "c"}]}, {"role": "user"}],
            "messages[1].role",
        ),
    ],
)
def test_a_call_needs_its_result(
    simulator: Simulator, messages: list[dict[str, Any]], param: str
) -> None:
    """Tool calls and results that do not belong together are refused as the vendor does."""
    refused = simulator.chat(messages=messages)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, param)
