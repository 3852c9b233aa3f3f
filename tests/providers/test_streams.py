"""Streams of upstreams that end in their own ways, as every adapter passes them on."""

import json
from typing import Any

import pytest

from app.domain.attempt import Answer, Failure
from app.domain.dialect import Dialect
from app.wire.anthropic import counting

from .calling import TOKENS_MAX, Asking
from .dialects import ANTHROPIC, OPENAI
from .peer import Peer, peer_of

DONE = b"data: [DONE]\n\n"
STOP = b'event: message_stop\ndata: {"type": "message_stop"}\n\n'
HI: list[Any] = [{"role": "user", "content": "Hi"}]
REASONING = {"nothing": None, "reasoning = true": True, "reasoning = false": False}
LONG = "mcp__a_server_with_a_long_name__" + "and_a_tool_with_a_longer_one_" * 3


def data(*events: Any) -> bytes:
    """Return events as they are sent."""
    return b"".join(
        (f"event: {each['type']}\n".encode() if "type" in each else b"")
        + b"data: "
        + json.dumps(each).encode()
        + b"\n\n"
        for each in events
    )


def chunk(delta: Any, finish_reason: str | None = None) -> dict[str, Any]:
    """Return a chunk of one choice."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


CHUNKS = [chunk({"role": "assistant", "content": ""}), chunk({"content": "So it is."})]
BEGUN = {
    "type": "message_start",
    "message": {"id": "m", "role": "assistant", "content": [], "usage": {"input_tokens": 7}},
}
BLOCK = [
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "So it is."},
    },
]
SPOKEN = {
    "openai": (data(*CHUNKS), data(CHUNKS[0]), DONE),
    "anthropic": (data(BEGUN, *BLOCK), data(BEGUN), STOP),
}
"""What each protocol says, how it only begins, and how it says goodbye."""


def streamed(asking: Asking, says: bytes, **changes: Any) -> tuple[Answer | Failure, list[Any]]:
    """Return what comes of a stream that says so."""
    with peer_of() as peer:
        peer.answers(says, Content_Type="text/event-stream")
        return asking.streamed(peer.url, **changes)


@pytest.mark.parametrize("client", Dialect)
def test_a_goodbye_ends_an_answer_that_names_no_reason(adapter: Asking, client: Dialect) -> None:
    """Clients had all of it: it is whole, paid for, and ended as an ordinary answer is."""
    spoken, _, goodbye = SPOKEN[adapter.dialect.protocol]
    outcome, events = streamed(adapter, spoken + goodbye, dialect=client)
    assert isinstance(outcome, Answer), outcome
    body = json.loads(outcome.body)
    if client is Dialect.CHAT:
        assert body["choices"][0]["message"]["content"] == "So it is."
        assert body["choices"][0]["finish_reason"] == "stop"
        assert [each["choices"][0]["finish_reason"] for each in events][-1] == "stop"
    else:
        assert body["content"] == [{"type": "text", "text": "So it is."}]
        assert body["stop_reason"] == "end_turn"
        assert [each["type"] for each in events[-2:]] == ["content_block_stop", "message_delta"]
        assert events[-1]["delta"]["stop_reason"] == "end_turn"
        assert isinstance(events[-1]["usage"]["output_tokens"], int)


@pytest.mark.parametrize("client", Dialect)
def test_a_goodbye_alone_is_no_answer(adapter: Asking, client: Dialect) -> None:
    """An upstream that began and said nothing at all has failed."""
    _, begun, goodbye = SPOKEN[adapter.dialect.protocol]
    for says in (begun + goodbye, goodbye):
        outcome, _ = streamed(adapter, says, dialect=client)
        assert isinstance(outcome, Failure)
        assert outcome.symbol == "answer_cut_short"


@pytest.mark.parametrize("client", Dialect)
def test_a_stream_that_just_stops_is_no_answer(adapter: Asking, client: Dialect) -> None:
    """Without a goodbye and without a reason nobody knows what is missing."""
    spoken, _, _ = SPOKEN[adapter.dialect.protocol]
    outcome, _ = streamed(adapter, spoken, dialect=client)
    assert isinstance(outcome, Failure)
    assert outcome.symbol == "answer_cut_short"


def test_calls_without_a_reason_wait_for_their_results() -> None:
    """The end that is made up is the one that calls have."""
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    outcome, events = streamed(Asking(dialect=OPENAI), data(chunk({"tool_calls": [call]})) + DONE)
    assert isinstance(outcome, Answer)
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert json.loads(outcome.body)["choices"][0]["finish_reason"] == "tool_calls"


def test_a_messages_client_is_told_its_input_at_the_start() -> None:
    """Chat upstreams count at the end: until then it is the estimate that count_tokens gives."""
    asked = {
        "model": "m",
        "max_tokens": 10,
        "messages": [{"role": "user", "content": "Why? " * 99}],
    }
    usage = {"choices": [], "usage": OPENAI.counts(55, 4)}
    says = data(*CHUNKS, chunk({}, "stop"), usage) + DONE
    outcome, events = streamed(Asking(dialect=OPENAI), says, body=asked, dialect=Dialect.MESSAGES)
    assert isinstance(outcome, Answer)
    assert events[0]["message"]["usage"]["input_tokens"] == counting.estimate(asked)
    assert events[-1]["usage"]["input_tokens"] == 55
    assert json.loads(outcome.body)["usage"]["input_tokens"] == 55


def test_the_estimate_is_never_above_the_bound() -> None:
    """Nobody is told more than the hold was made for."""
    asked = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "x" * 10**5}]}
    says = data(*CHUNKS, chunk({}, "stop")) + DONE
    _, events = streamed(Asking(dialect=OPENAI), says, body=asked, dialect=Dialect.MESSAGES)
    assert events[0]["message"]["usage"]["input_tokens"] == TOKENS_MAX


@pytest.mark.parametrize("how", ["whole", "streamed"])
def test_a_tool_is_called_by_the_name_its_client_gave(peer: Peer, how: str) -> None:
    """A chat upstream hears a name it takes; the call comes back under the client's own."""
    tool = {"name": LONG, "input_schema": {"type": "object"}}
    asked = {"model": "m", "max_tokens": 10, "messages": HI, "tools": [tool]}
    asking = Asking(dialect=OPENAI)
    peer.answers(OPENAI.answer())
    asking.answered(peer.url, asked, dialect=Dialect.MESSAGES)
    known = peer.heard[0].json["tools"][0]["function"]["name"]
    assert len(known) <= 64
    call = {
        "index": 0,
        "id": "c",
        "type": "function",
        "function": {"name": known, "arguments": "{}"},
    }
    if how == "streamed":
        says = data(chunk({"tool_calls": [call]}), chunk({}, "tool_calls")) + DONE
        outcome, events = streamed(asking, says, body=asked, dialect=Dialect.MESSAGES)
        assert isinstance(outcome, Answer)
        assert events[1]["content_block"]["name"] == LONG
    else:
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        peer.answers(OPENAI.answer(choices=[{"message": message, "finish_reason": "tool_calls"}]))
        outcome = asking.answered(peer.url, asked, dialect=Dialect.MESSAGES)
    assert json.loads(outcome.body)["content"][0]["name"] == LONG


@pytest.mark.parametrize("said", REASONING)
def test_how_hard_to_think_goes_where_a_route_says(peer: Peer, said: str) -> None:
    """A client's own dialect passes it unless the route denies it; another needs it granted."""
    reasoning = REASONING[said]
    asked = {
        "model": "m",
        "max_tokens": 10,
        "messages": HI,
        "output_config": {"effort": "high"},
        "thinking": {"type": "adaptive"},
    }
    heard: dict[str, Any] = {}
    for upstream in (OPENAI, ANTHROPIC):
        peer.answers(upstream.answer())
        asking = Asking(dialect=upstream)
        asking.answered(peer.url, asked, dialect=Dialect.MESSAGES, reasoning=reasoning)
        heard[upstream.protocol] = peer.heard[-1].json
    assert heard["openai"].get("reasoning_effort") == ("high" if reasoning else None)
    kept = reasoning is not False
    assert ("thinking" in heard["anthropic"], "output_config" in heard["anthropic"]) == (kept, kept)
