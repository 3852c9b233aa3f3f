"""Streams across dialects: for every recorded answer, streamed and whole are the same."""

from typing import Any

import pytest

from app.translate import Dialect, answer

from .client import CREATED, ID, MODEL, accumulated, sent, tidy, translator
from .recorded import Recorded
from .recorded_chat import CHAT, ROLE, argued, begun, chunk
from .recorded_messages import MESSAGES, block, ended, started, text

EVERY = [
    *(pytest.param(Dialect.CHAT, recorded, id=f"chat: {name}") for name, recorded in CHAT.items()),
    *(
        pytest.param(Dialect.MESSAGES, recorded, id=f"messages: {name}")
        for name, recorded in MESSAGES.items()
    ),
]


def other(dialect: Dialect) -> Dialect:
    """Return the dialect that this one is not."""
    return Dialect.MESSAGES if dialect == Dialect.CHAT else Dialect.CHAT


@pytest.mark.parametrize(("source", "recorded"), EVERY)
def test_a_streamed_answer_is_the_whole_one(source: Dialect, recorded: Recorded) -> None:
    """The same answer of an upstream, streamed and whole, is one answer in the other dialect."""
    translated = translator(source, other(source))
    sent(translated, recorded.stream)
    assert translated.whole() == answer(
        recorded.whole, source, other(source), id=ID, model=MODEL, created=CREATED
    )


@pytest.mark.parametrize(("source", "recorded"), EVERY)
def test_a_client_reads_the_whole_answer_from_the_stream(
    source: Dialect, recorded: Recorded
) -> None:
    """A client that accumulates the stream ends up with the answer that a job shows."""
    translated = translator(source, other(source))
    events = sent(translated, recorded.stream)
    assert tidy(accumulated(events, other(source))) == tidy(translated.whole())


@pytest.mark.parametrize(("source", "recorded"), EVERY)
def test_a_stream_is_finished_when_the_upstream_says_so(
    source: Dialect, recorded: Recorded
) -> None:
    """A stream counts as finished from its finish or stop reason on, and not before."""
    translated = translator(source, other(source))
    last = {"finish_reason", "stop_reason"}
    for event in recorded.stream:
        if not translated.finished:
            translated.feed(event)
            told = str(event)
            assert translated.finished == any(f"'{name}': '" in told for name in last)
    assert translated.finished


@pytest.mark.parametrize(("source", "recorded"), EVERY)
def test_no_terminal_event_is_returned(source: Dialect, recorded: Recorded) -> None:
    """The end of a stream is for whoever settles the answer."""
    for target in Dialect:
        events = sent(translator(source, target), recorded.stream)
        assert "message_stop" not in [event.get("type") for event in events]


def test_a_finished_stream_owes_nothing_twice() -> None:
    """What is owed at the end is given once."""
    for source, recorded in ((Dialect.CHAT, CHAT), (Dialect.MESSAGES, MESSAGES)):
        for target in Dialect:
            translated = translator(source, target)
            sent(translated, recorded["text"].stream)
            assert translated.finish() == []


def test_text_is_passed_on_piece_by_piece() -> None:
    """No piece waits for the next."""
    translated = translator(Dialect.CHAT, Dialect.MESSAGES)
    translated.feed(ROLE)
    translated.feed(chunk({"content": "Hel"}))
    assert translated.feed(chunk({"content": "lo"})) == [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}}
    ]


def test_a_call_is_closed_when_the_next_thing_begins() -> None:
    """Calls that come one after the other are blocks one after the other."""
    stream = CHAT["text and parallel tools"].stream
    events = sent(translator(Dialect.CHAT, Dialect.MESSAGES), stream)
    marks = [(event["type"], event["index"]) for event in events if "block_st" in event["type"]]
    assert [(kind.removeprefix("content_block_"), index) for kind, index in marks] == [
        *(("start", 0), ("stop", 0)),
        *(("start", 1), ("stop", 1)),
        *(("start", 2), ("stop", 2)),
    ]


def test_pieces_of_two_calls_that_take_turns_reach_their_blocks() -> None:
    """Blocks of calls overlap when a server sends their arguments in turns."""
    stream = CHAT["parallel tools whose pieces take turns"].stream
    events = sent(translator(Dialect.CHAT, Dialect.MESSAGES), stream)
    pieces: dict[int, str] = {0: "", 1: ""}
    for event in events:
        if event["type"] == "content_block_delta":
            pieces[event["index"]] += event["delta"]["partial_json"]
    assert pieces == {0: '{"city": "Paris", "days": 3}', 1: '{"city": "Rome"}'}


def test_a_call_begins_when_its_name_is_known() -> None:
    """Arguments that come before the name are kept for it."""
    translated = translator(Dialect.CHAT, Dialect.MESSAGES)
    early = {"tool_calls": [{"index": 0, "id": "call_1", "function": {"arguments": '{"a"'}}]}
    assert [event["type"] for event in translated.feed(chunk(early))] == ["message_start"]
    translated.feed(chunk(begun(0, "call_1", "f", ": 1}")))
    assert translated.whole()["content"] == [
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}}
    ]


def test_a_repeated_name_and_id_are_taken_once() -> None:
    """Servers that repeat id and name with every piece make no new calls."""
    translated = translator(Dialect.CHAT, Dialect.MESSAGES)
    for piece in ('{"a"', ": 1", "}"):
        translated.feed(chunk(begun(0, "call_1", "f", piece)))
    assert [block["input"] for block in translated.whole()["content"]] == [{"a": 1}]


def test_pieces_without_an_index_belong_to_the_last_call() -> None:
    """A server that leaves the index out may still send arguments in pieces."""
    translated = translator(Dialect.CHAT, Dialect.MESSAGES)
    pieces = [{"id": "a", "function": {"name": "f", "arguments": '{"a"'}}, {"id": "a"}]
    for piece in [*pieces, {"function": {"arguments": ": 1}"}}]:
        translated.feed(chunk({"tool_calls": [piece]}))
    assert [block["input"] for block in translated.whole()["content"]] == [{"a": 1}]


def test_an_input_given_at_the_start_is_taken_once() -> None:
    """A server may give the whole input with the start of a block, and again in pieces."""
    given = {"type": "tool_use", "id": "a", "name": "f", "input": {"a": 1}}
    piece = {"type": "input_json_delta", "partial_json": '{"a": 1}'}
    translated = translator(Dialect.MESSAGES, Dialect.CHAT)
    sent(translated, [started(), *block(0, given, piece), ended("tool_use")])
    [call] = translated.whole()["choices"][0]["message"]["tool_calls"]
    assert call["function"]["arguments"] == '{"a": 1}'


def test_the_message_says_what_it_took_at_its_end() -> None:
    """A `message_delta` has the input tokens too, without those that were cached."""
    events = sent(translator(Dialect.CHAT, Dialect.MESSAGES), CHAT["text"].stream)
    assert events[-1] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {
            "input_tokens": 15,
            "cache_creation_input_tokens": 5,
            "cache_read_input_tokens": 10,
            "output_tokens": 12,
            "output_tokens_details": {"thinking_tokens": 4},
        },
    }


def test_input_tokens_known_at_the_start_are_told_there() -> None:
    """A server that reports usage with its first chunk has it in the `message_start`."""
    first = {**ROLE, "usage": {"prompt_tokens": 7, "completion_tokens": 0}}
    [start] = translator(Dialect.CHAT, Dialect.MESSAGES).feed(first)
    assert start["message"]["usage"]["input_tokens"] == 7


@pytest.mark.parametrize("source", list(Dialect))
def test_usage_is_hidden_from_chat_clients_that_did_not_ask(source: Dialect) -> None:
    """Without include_usage no chunk has usage, and yet it is metered."""
    recorded = CHAT if source == Dialect.CHAT else MESSAGES
    translated = translator(source, Dialect.CHAT, include_usage=False)
    chunks = sent(translated, recorded["text"].stream)
    assert not [event for event in chunks if "usage" in event or not event["choices"]]
    assert translated.usage is not None
    assert "usage" in translated.whole()


@pytest.mark.parametrize("source", list(Dialect))
def test_usage_is_the_last_chunk_for_those_that_did(source: Dialect) -> None:
    """With include_usage every chunk has a null usage but the last, which has no choices."""
    recorded = CHAT if source == Dialect.CHAT else MESSAGES
    *chunks, last = sent(translator(source, Dialect.CHAT), recorded["text"].stream)
    assert [event["usage"] for event in chunks] == [None] * len(chunks)
    assert last["choices"] == []
    assert last["usage"]["prompt_tokens"] == 30


def test_an_upstream_that_names_no_reason_was_done() -> None:
    """A clean end without a reason closes what is open, and only then the answer is finished."""
    translated = translator(Dialect.CHAT, Dialect.MESSAGES)
    begun = [event for each in (ROLE, chunk({"content": "Hi"})) for event in translated.feed(each)]
    assert not translated.finished
    events = [*begun, *translated.finish()]
    assert [event["type"] for event in events[-2:]] == ["content_block_stop", "message_delta"]
    assert events[-1]["delta"]["stop_reason"] == "end_turn"
    assert translated.finished


def test_nothing_is_said_behind_the_end() -> None:
    """Only usage is taken from what follows the finish reason."""
    translated = translator(Dialect.CHAT, Dialect.MESSAGES)
    sent(translated, [ROLE, chunk({}, "stop")])
    assert translated.feed(chunk({"content": "more"})) == []
    assert translated.whole()["content"] == []


def test_a_stream_that_stands_still_can_be_looked_at() -> None:
    """The answer so far has no reason to have ended."""
    half = translator(Dialect.MESSAGES, Dialect.CHAT)
    for event in [started(), *text(0, "Hel")]:
        half.feed(event)
    [choice] = half.whole()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Hel", None)


@pytest.mark.parametrize("target", list(Dialect))
def test_characters_are_counted_of_all_a_model_makes(target: Dialect) -> None:
    """Text, thinking and arguments count, whether or not the client gets to see them."""
    translated = translator(Dialect.CHAT, target)
    pieces: list[Any] = [
        chunk({"reasoning_content": "abc"}),
        chunk({"content": "de"}),
        chunk({"refusal": "f"}),
        chunk(begun(0, "call_1", "f")),
        chunk(argued(0, '{"a":1}')),
    ]
    for piece in pieces:
        translated.feed(piece)
    assert translated.text_characters == 13


@pytest.mark.parametrize("target", list(Dialect))
def test_characters_of_messages_are_counted(target: Dialect) -> None:
    """Text, thinking and partial JSON of a message count; its signature does not."""
    translated = translator(Dialect.MESSAGES, target)
    for name in ("thinking", "one tool"):
        for event in MESSAGES[name].stream[:-2]:
            translated.feed(event)
    assert translated.text_characters == len("Two and two.4") + len('{"city": "Paris", "days": 3}')


def test_an_upstream_error_in_a_stream_is_no_part_of_the_answer() -> None:
    """Errors are for the adapter to tell; a translator passes over them."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    for source in Dialect:
        for target in Dialect:
            assert translator(source, target).feed(error) == []


def test_chunks_have_the_gateways_names() -> None:
    """Every chunk has the id, the model and the time that the translator was given."""
    chunks = sent(translator(Dialect.MESSAGES, Dialect.CHAT), MESSAGES["text"].stream)
    heads = [(event["id"], event["model"], event["created"]) for event in chunks]
    assert set(heads) == {(ID, MODEL, CREATED)}
    assert "msg_up" not in str(chunks)


def test_usage_is_kept_in_the_upstreams_spelling() -> None:
    """Reports are merged over events; a later null or zero erases nothing."""
    translated = translator(Dialect.MESSAGES, Dialect.CHAT)
    late = {**ended("end_turn"), "usage": {"input_tokens": 0, "output_tokens": 9, "speed": None}}
    for event in [started(), late]:
        translated.feed(event)
    assert translated.usage == {
        "input_tokens": 15,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 10,
        "output_tokens": 9,
        "service_tier": "standard",
        "speed": None,
    }


def test_a_messages_client_hears_an_estimate_of_its_input_at_the_start() -> None:
    """It stands until the upstream has counted; a count that is there at once goes before it."""
    for usage, told in (({}, 42), ({"usage": {"prompt_tokens": 9}}, 9)):
        translated = translator(Dialect.CHAT, Dialect.MESSAGES, input_tokens=42)
        start, *_, ending = sent(translated, [{**ROLE, **usage}, chunk({}, "stop")])
        assert start["message"]["usage"]["input_tokens"] == told
        assert ending["usage"]["input_tokens"] == (9 if usage else 0)
