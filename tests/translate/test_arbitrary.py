"""Whatever comes in, nothing raises, and what goes out is well formed."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.translate import Dialect, answer, events, request

from . import arbitrary
from .client import ID, MODEL, accumulated, sent, tidy, translator
from .recorded_chat import argued, begun, chunk
from .recorded_messages import block, ended, started

PAIRS = [(source, target) for source in Dialect for target in Dialect]
CROSSINGS = [pair for pair in PAIRS if pair[0] != pair[1]]
DEPTH = 20_000
EXAMPLES = 40
"""How many cases each property is tried with."""


def nested(levels: int) -> Any:
    """Return an object inside an object inside an object."""
    value: Any = {}
    for _ in range(levels):
        value = {"content": value, "a": [value]} if levels < 10 else {"content": value}
    return value


@pytest.mark.parametrize(("source", "target"), PAIRS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(body=arbitrary.requests | arbitrary.objects)
def test_no_request_raises(source: Dialect, target: Dialect, body: Any) -> None:
    """Any request becomes one that JSON can say, and is not changed itself."""
    before = json.dumps(body)
    json.dumps(request(body, source, target))
    assert json.dumps(body) == before


@settings(max_examples=EXAMPLES, deadline=None)
@given(body=arbitrary.requests)
def test_a_chat_request_is_of_messages_with_roles(body: Any) -> None:
    """Every message has a role and a content, results have an id, calls a function."""
    for turn in request(body, Dialect.MESSAGES, Dialect.CHAT)["messages"]:
        assert turn["role"] in {"system", "user", "assistant", "tool"}
        assert turn["content"] is not None or turn["tool_calls"]
        assert turn["role"] != "tool" or isinstance(turn["tool_call_id"], str)


@settings(max_examples=EXAMPLES, deadline=None)
@given(body=arbitrary.requests)
def test_a_messages_request_is_of_turns_that_say_something(body: Any) -> None:
    """Every turn is the user's or the assistant's, none is empty, results lead theirs."""
    told = request(body, Dialect.CHAT, Dialect.MESSAGES)
    assert told.get("max_tokens", 1) > 0
    for turn in told["messages"]:
        assert turn["role"] in {"user", "assistant"}
        assert turn["content"]
        if isinstance(turn["content"], list):
            results = [each["type"] == "tool_result" for each in turn["content"]]
            assert results == sorted(results, reverse=True)


@pytest.mark.parametrize(("source", "target"), PAIRS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(stream=arbitrary.upstream)
def test_no_event_raises(source: Dialect, target: Dialect, stream: Any) -> None:
    """Any stream can be fed, looked at and finished, and JSON can say what comes out."""
    translated = translator(source, target)
    for event in stream:
        json.dumps(translated.feed(event))
        json.dumps(translated.whole())
    json.dumps([translated.finish(), translated.usage, translated.whole()])
    assert translated.text_characters >= 0
    assert translated.finished in {True, False}


@pytest.mark.parametrize(("source", "target"), CROSSINGS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(stream=arbitrary.upstream)
def test_any_stream_comes_out_well_formed(source: Dialect, target: Dialect, stream: Any) -> None:
    """A client that follows the documents reads the answer that the job shows."""
    translated = translator(source, target)
    told = sent(translated, stream)
    assert tidy(accumulated(told, target)) == tidy(translated.whole())


@pytest.mark.parametrize(("source", "target"), PAIRS)
@settings(max_examples=EXAMPLES, deadline=None)
@given(body=arbitrary.answers)
def test_no_answer_raises(source: Dialect, target: Dialect, body: Any) -> None:
    """Any answer can be translated, and the answer can be cut into events."""
    told = answer(body, source, target, id=ID, model=MODEL)
    json.dumps(events(told, target, include_usage=True))


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("junk", [None, [], "text", 7])
def test_what_is_no_object_says_nothing(source: Dialect, target: Dialect, junk: Any) -> None:
    """Events and bodies that are no objects are passed over."""
    assert translator(source, target).feed(junk) == []
    assert answer(junk, source, target, id=ID, model=MODEL)["id"] == ID
    assert isinstance(request(junk, source, target), dict)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_depth_is_no_danger(source: Dialect, target: Dialect) -> None:
    """Objects nested deeper than any stack are passed on or over, not climbed into."""
    deep = nested(DEPTH)
    called = {"type": "tool_use", "id": "a", "name": "f", "input": deep}
    shown = chunk({"content": deep, "x": deep, "tool_calls": [{"function": deep, "x": deep}]})
    translated = translator(source, target)
    for event in [
        shown,
        started(),
        {**started(), "message": deep},
        *block(0, called, {"type": "x", "x": deep}),
        {**ended("end_turn"), "usage": deep},
    ]:
        translated.feed(event)
    translated.finish()
    translated.whole()
    for body in ({"content": [called], "usage": deep}, {"choices": [{"message": deep}]}, deep):
        told = answer(body, source, target, id=ID, model=MODEL)
        events(told, target, include_usage=True)
    turns = [{"role": "user", "content": [{"type": "tool_result", "content": deep}]}]
    schema = {"type": "json_schema", "schema": deep}
    request({"messages": turns, "tools": [deep], "output_format": schema}, source, target)


@pytest.mark.parametrize("url", ["data:image/png,\ud800", "data:image/png;base64,\ud800", "\ud800"])
def test_half_characters_are_no_danger(url: str) -> None:
    """A lone surrogate, which JSON can hold and UTF-8 cannot, raises nothing."""
    parts = [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "file", "file": {"file_data": url.replace("image/png", "text/plain")}},
    ]
    body = {"messages": [{"role": "user", "content": parts}], "metadata": {"user_id": url * 70}}
    for source, target in CROSSINGS:
        json.dumps(request(body, source, target))


@settings(max_examples=EXAMPLES, deadline=None)
@given(calls=arbitrary.interleaved())
def test_pieces_of_chat_arguments_reach_their_blocks(calls: Any) -> None:
    """In whatever turns the pieces of parallel calls come, each block gets its own, in order."""
    written, pieces = calls
    translated = translator(Dialect.CHAT, Dialect.MESSAGES)
    starts = [chunk(begun(at, f"call_{at}", "f")) for at in range(len(written))]
    rest = [chunk(argued(call, piece)) for call, piece in pieces]
    told = sent(translated, [*starts, *rest, chunk({}, "tool_calls")])
    got = [""] * len(written)
    for event in told:
        if event["type"] == "content_block_delta":
            got[event["index"]] += event["delta"]["partial_json"]
    assert got == written
    inputs = [block["input"] for block in translated.whole()["content"]]
    assert inputs == [json.loads(each) for each in written]


@settings(max_examples=EXAMPLES, deadline=None)
@given(calls=arbitrary.interleaved())
def test_pieces_of_messages_arguments_reach_their_calls(calls: Any) -> None:
    """The same the other way, where blocks may be open side by side."""
    written, pieces = calls
    translated = translator(Dialect.MESSAGES, Dialect.CHAT)
    called = [
        block(at, {"type": "tool_use", "id": f"toolu_{at}", "name": "f", "input": {}})
        for at in range(len(written))
    ]
    rest = [
        {
            "type": "content_block_delta",
            "index": call,
            "delta": {"type": "input_json_delta", "partial_json": piece},
        }
        for call, piece in pieces
    ]
    stream = [started(), *(each[0] for each in called), *rest, *(each[1] for each in called)]
    told = sent(translated, [*stream, ended("tool_use")])
    got = [""] * len(written)
    for event in told:
        for choice in event["choices"]:
            for call in choice["delta"].get("tool_calls", []):
                got[call["index"]] += call["function"]["arguments"]
    assert got == written


texts = st.none() | arbitrary.safe
extras = st.dictionaries(st.sampled_from(["x_a", "x_b"]), arbitrary.arguments, max_size=2)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    content=texts,
    refusal=texts,
    calls=st.lists(arbitrary.arguments, max_size=3),
    extra=extras,
)
def test_any_completion_survives_being_cut(
    content: Any, refusal: Any, calls: Any, extra: Any
) -> None:
    """The chunks of a completion add up to it, fields of a vendor's own included."""
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal}
    if calls:
        message["tool_calls"] = [
            {"id": f"c{at}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            for at, _ in enumerate(calls)
        ]
    choice = {"index": 0, "message": {**message, **extra}, "finish_reason": "stop", **extra}
    body = {"id": ID, "object": "chat.completion", "created": 1, "model": MODEL}
    body |= {"choices": [choice], **extra}
    again = translator(Dialect.CHAT, Dialect.CHAT)
    sent(again, events(body, Dialect.CHAT, include_usage=True))
    assert again.whole() == body


@settings(max_examples=EXAMPLES, deadline=None)
@given(text=arbitrary.safe, given_=arbitrary.arguments, extra=extras)
def test_any_message_survives_being_cut(text: str, given_: Any, extra: Any) -> None:
    """The events of a message add up to it, fields of a vendor's own included."""
    body = {
        "id": ID,
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [
            {"type": "thinking", "thinking": text, "signature": "s", **extra},
            {"type": "text", "text": text, "citations": [extra]},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": given_, **extra},
            {"type": "new_block", **extra},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 4, **extra},
        **extra,
    }
    again = translator(Dialect.MESSAGES, Dialect.MESSAGES)
    sent(again, events(body, Dialect.MESSAGES, include_usage=True))
    assert again.whole() == body
