"""Messages as streams of events."""

import time
from itertools import pairwise
from typing import Any

import pytest

from tests.simulator.running import MESSAGES, TIMEOUT_S, Simulator

from .reading import events, rebuilt

TOOLS = [
    {
        "name": name,
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    }
    for name in ("weather", "news")
]
IN_PARALLEL = "use the tool weather and use the tool news in parallel"
CASES: dict[str, dict[str, Any]] = {
    "text": {},
    "cut": {"max_tokens": 9},
    "stopped": {"stop_sequences": [" the "]},
    "thinking": {"thinking": {"type": "enabled", "budget_tokens": 1_024}},
    "omitted": {"thinking": {"type": "adaptive", "display": "omitted"}},
    "secret": {"text": "think in secret", "thinking": {"type": "adaptive"}},
    "forced": {"tools": TOOLS, "tool_choice": {"type": "any"}},
    "parallel": {"text": IN_PARALLEL, "tools": TOOLS, "thinking": {"type": "adaptive"}},
    "refused": {"text": "please refuse"},
    "refused silently": {"text": "please refuse silently"},
    "json": {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
    "nothing": {"max_tokens": 0},
}


@pytest.mark.parametrize("case", CASES)
def test_a_stream_adds_up_to_the_whole_message(simulator: Simulator, case: str) -> None:
    """What the events add up to is, field by field, the message given without a stream."""
    whole = simulator.message(**CASES[case]).json()
    streamed = rebuilt(events(simulator.message(stream=True, **CASES[case])))
    assert {key: streamed[key] for key in whole} == whole


def test_the_events_come_in_the_vendors_order(simulator: Simulator) -> None:
    """Start, block by block with a ping after the first opening, delta, stop."""
    kinds = [event["type"] for event in events(simulator.message(stream=True))]
    assert kinds[:3] == ["message_start", "content_block_start", "ping"]
    assert set(kinds[3:-3]) == {"content_block_delta"}
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_every_block_is_closed_before_the_next_opens(simulator: Simulator) -> None:
    """The blocks of thinking, text and two tool calls never overlap."""
    told = events(simulator.message(stream=True, **CASES["parallel"]))
    edges = [
        (event["type"].rpartition("_")[2], event["index"])
        for event in told
        if event["type"] in ("content_block_start", "content_block_stop")
    ]
    assert edges == [(edge, index) for index in range(4) for edge in ("start", "stop")]


def test_usage_is_told_at_both_ends(simulator: Simulator) -> None:
    """The prompt's weight is in the first event and again in the last, with the answer's."""
    usage = simulator.message().json()["usage"]
    first, *_, last, _ = events(simulator.message(stream=True))
    assert first["message"]["usage"]["input_tokens"] == usage["input_tokens"]
    assert first["message"]["stop_reason"] is None
    assert last["usage"]["input_tokens"] == usage["input_tokens"]
    assert last["usage"]["output_tokens"] == usage["output_tokens"] > 1


def test_arguments_come_in_fragments_after_an_empty_one(simulator: Simulator) -> None:
    """Arguments begin with an empty fragment, as the vendor's do, and go on in small ones."""
    told = events(simulator.message(stream=True, **CASES["forced"]))
    fragments = [
        event["delta"]["partial_json"] for event in told if event["type"] == "content_block_delta"
    ]
    assert fragments[0] == ""
    assert len(fragments) > 2
    assert max(map(len, fragments)) <= 20


@pytest.mark.parametrize("path", [MESSAGES, "/v1/chat/completions"])
def test_every_event_leaves_at_once(simulator: Simulator, path: str) -> None:
    """The first event is there while most of the stream is still to come."""
    simulator.set(latency={"chunk_ms": 30})
    turns = [{"role": "user", "content": "Explain the tides."}]
    body: dict[str, Any] = {"model": "m", "stream": True, "max_tokens": 100, "messages": turns}
    with simulator.session.post(
        f"{simulator.url}{path}", json=body, stream=True, timeout=TIMEOUT_S
    ) as response:
        lines = response.iter_lines(chunk_size=1)
        arrivals = [time.monotonic() for line in lines if line.startswith(b"data:")]
    gaps = [after - before for before, after in pairwise(arrivals)]
    assert len(gaps) > 5
    assert min(gaps) > 0.005
