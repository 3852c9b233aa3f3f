"""Streams and answers that stay in their dialect: passed on with the least change."""

from typing import Any

import pytest

from app.translate import Dialect, answer, events, request

from .client import ID, MODEL, accumulated, sent, tidy, translator
from .recorded import Recorded
from .recorded_chat import CHAT, HEAD, ROLE, USAGE, begun, chunk, usage_chunk
from .recorded_messages import MESSAGES, STOP, block, ended, message, started, text

CHAT_NAMES = {"id": ID, "model": MODEL}
EVERY = [
    *(pytest.param(Dialect.CHAT, recorded, id=f"chat: {name}") for name, recorded in CHAT.items()),
    *(
        pytest.param(Dialect.MESSAGES, recorded, id=f"messages: {name}")
        for name, recorded in MESSAGES.items()
    ),
]
RICH: dict[str, Any] = {
    **HEAD,
    "object": "chat.completion",
    "system_fingerprint": "fp_1",
    "x_vendor": {"queue": [1, 2]},
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hi",
                "refusal": None,
                "annotations": [],
                "audio": {"id": "audio_1", "data": "AAAA", "expires_at": 5, "transcript": "Hi"},
                "reasoning_details": [{"type": "reasoning.text", "text": "hm"}],
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "f", "arguments": '{"a": 1}'},
                        "extra_content": {"google": {"thought_signature": "sig"}},
                    }
                ],
            },
            "logprobs": {
                "content": [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105]}],
                "refusal": None,
            },
            "finish_reason": "tool_calls",
            "native_finish_reason": "STOP",
        },
        {
            "index": 1,
            "message": {"role": "assistant", "content": None, "refusal": "No."},
            "logprobs": None,
            "finish_reason": "stop",
        },
    ],
    "usage": USAGE,
}


@pytest.mark.parametrize(("dialect", "recorded"), EVERY)
def test_a_relayed_stream_adds_up_to_the_whole_answer(dialect: Dialect, recorded: Recorded) -> None:
    """What a relay has accumulated is what the upstream would have sent whole."""
    relay = translator(dialect, dialect)
    sent(relay, recorded.stream)
    expected = answer(recorded.whole, dialect, dialect, id=ID, model=MODEL)
    assert tidy(relay.whole()) == tidy(expected)


@pytest.mark.parametrize(("dialect", "recorded"), EVERY)
def test_a_client_reads_the_relayed_stream(dialect: Dialect, recorded: Recorded) -> None:
    """The events that are passed on add up to the same answer again."""
    relay = translator(dialect, dialect)
    told = sent(relay, recorded.stream)
    again = translator(dialect, dialect)
    sent(again, told)
    assert again.whole() == relay.whole()


@pytest.mark.parametrize(("dialect", "recorded"), EVERY)
def test_a_whole_answer_survives_being_cut(dialect: Dialect, recorded: Recorded) -> None:
    """The stream events of an answer, accumulated again, are the answer."""
    cut = events(recorded.whole, dialect, include_usage=True)
    again = translator(dialect, dialect)
    for event in cut:
        again.feed(event)
    assert again.whole() == {**recorded.whole, **CHAT_NAMES}


@pytest.mark.parametrize("name", ["text", "thinking", "web search with citations", "one tool"])
def test_a_cut_message_is_what_clients_accumulate(name: str) -> None:
    """A client that follows the documents gets the message from its cut events."""
    whole = MESSAGES[name].whole
    cut = events(whole, Dialect.MESSAGES, include_usage=True)
    assert accumulated(cut, Dialect.MESSAGES) == whole


def test_a_cut_completion_is_what_clients_accumulate() -> None:
    """The official SDK gets the completion from its cut chunks."""
    whole = CHAT["text and parallel tools"].whole
    cut = events(whole, Dialect.CHAT, include_usage=True)
    assert tidy(accumulated(cut, Dialect.CHAT)) == tidy(whole)


def test_unknown_fields_and_all_choices_survive_being_cut() -> None:
    """Several choices, log probabilities and fields of the vendor's own are kept."""
    again = translator(Dialect.CHAT, Dialect.CHAT)
    sent(again, events(RICH, Dialect.CHAT, include_usage=True))
    assert again.whole() == {**RICH, **CHAT_NAMES}


def test_usage_of_a_cut_completion_is_told_when_asked_for() -> None:
    """Without include_usage no chunk has usage."""
    cut = events(RICH, Dialect.CHAT, include_usage=False)
    assert not [each for each in cut if "usage" in each]


def test_unknown_fields_of_a_whole_answer_are_kept() -> None:
    """Only id and model of an answer are the gateway's."""
    told = answer({**RICH, "new": 1}, Dialect.CHAT, Dialect.CHAT, id=ID, model=MODEL)
    assert told == {**RICH, "new": 1, **CHAT_NAMES}


def test_unknown_fields_of_a_chunk_are_kept() -> None:
    """A chunk is passed on as it came, under the gateway's id and model."""
    extra = {**chunk({"content": "Hi", "new": {"a": 1}}, token_ids=[1, 2]), "x_groq": {"id": "r"}}
    [told] = translator(Dialect.CHAT, Dialect.CHAT).feed(extra)
    assert told == {**extra, **CHAT_NAMES}


def test_unknown_events_of_a_message_are_passed_on() -> None:
    """Events that a vendor adds later reach its clients."""
    relay = translator(Dialect.MESSAGES, Dialect.MESSAGES)
    relay.feed(started())
    new = {"type": "content_block_note", "index": 0, "note": "x"}
    assert relay.feed(new) == [new]


def test_a_relayed_message_has_the_gateways_names() -> None:
    """The id and the model inside a `message_start` are replaced, all else is kept."""
    [told] = translator(Dialect.MESSAGES, Dialect.MESSAGES).feed(started())
    assert told == {**started(), "message": {**started()["message"], **CHAT_NAMES}}


def test_a_relayed_message_repeats_its_input_tokens() -> None:
    """Clients that read the input tokens only at the end find them there."""
    relay = translator(Dialect.MESSAGES, Dialect.MESSAGES)
    *_, last = sent(relay, MESSAGES["text"].stream)
    assert last["usage"]["input_tokens"] == 15


def test_heartbeats_and_the_end_are_not_relayed() -> None:
    """Pings and `message_stop` are the gateway's own."""
    relay = translator(Dialect.MESSAGES, Dialect.MESSAGES)
    assert relay.feed({"type": "ping"}) == relay.feed(STOP) == []


def test_usage_with_every_chunk_is_told_once() -> None:
    """A server that counts along looks like one that counts at the end."""
    counting = [{**ROLE, "usage": {**USAGE, "completion_tokens": at}} for at in range(3)]
    *chunks, last = sent(translator(Dialect.CHAT, Dialect.CHAT), counting)
    assert [each["usage"] for each in chunks] == [None] * 4
    assert [each["choices"][0]["finish_reason"] for each in chunks] == [None] * 3 + ["stop"]
    assert last["usage"]["completion_tokens"] == 2


def test_fields_of_the_usage_chunk_are_kept() -> None:
    """What a server adds to the chunk with its usage goes along with it."""
    timed = {**usage_chunk(), "timings": {"prompt_ms": 3}}
    *_, last = sent(translator(Dialect.CHAT, Dialect.CHAT), [ROLE, chunk({}, "stop"), timed])
    assert last == {**timed, **CHAT_NAMES}


def test_a_chunk_without_choices_is_relayed_when_it_is_not_the_usage() -> None:
    """Azure's first chunk, with the filter's results, is passed on."""
    azure = {**HEAD, "object": "chat.completion.chunk", "choices": [], "prompt_filter_results": []}
    told = translator(Dialect.CHAT, Dialect.CHAT, include_usage=False).feed(azure)
    assert told == [{**azure, **CHAT_NAMES}]


def test_a_relay_finishes_when_every_choice_has() -> None:
    """With several choices the first finish reason is not the end."""
    relay = translator(Dialect.CHAT, Dialect.CHAT)
    first, second = chunk({"content": "a"}), chunk({"content": "b"})
    second["choices"][0]["index"] = 1
    for each in (first, second, chunk({}, "stop")):
        relay.feed(each)
    assert not relay.finished
    relay.feed({**second, "choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]})
    assert relay.finished


def test_calls_are_told_apart_in_a_relayed_stream() -> None:
    """Two calls under one index are two calls in the answer so far."""
    relay = translator(Dialect.CHAT, Dialect.CHAT)
    for call_id in ("a", "b"):
        relay.feed(chunk(begun(0, call_id, "f", "{}")))
    calls = relay.whole()["choices"][0]["message"]["tool_calls"]
    assert [call["id"] for call in calls] == ["a", "b"]


def test_what_is_shown_is_not_changed_by_what_follows() -> None:
    """An answer looked at half way is a copy."""
    for source, stream in (
        (Dialect.CHAT, [chunk({"content": "a", "list": [1]}), chunk({"list": [2]})]),
        (
            Dialect.MESSAGES,
            [
                started(),
                *block(0, {"type": "text", "text": "", "citations": []}),
                *block(0, {}, {"type": "citations_delta", "citation": {"n": 1}})[1:],
            ],
        ),
    ):
        relay = translator(source, source)
        *earlier, last = stream
        for event in earlier:
            relay.feed(event)
        half = relay.whole()
        shown = str(half)
        relay.feed(last)
        assert str(half) == shown


def test_deltas_of_a_kind_not_known_yet_are_accumulated() -> None:
    """A new kind of block adds up by the names of its texts."""
    relay = translator(Dialect.MESSAGES, Dialect.MESSAGES)
    pieces = [{"type": "compaction_delta", "content": piece} for piece in ("a", "b")]
    stream = [
        started(),
        *block(0, {"type": "compaction", "content": None}, *pieces),
        {**ended("end_turn"), "context_management": {"applied_edits": []}},
    ]
    sent(relay, stream)
    assert relay.whole() == {
        **message([{"type": "compaction", "content": "ab"}], "end_turn"),
        **CHAT_NAMES,
        "context_management": {"applied_edits": []},
    }


def test_text_of_a_message_is_relayed_piece_by_piece() -> None:
    """Events of blocks are passed on as they came."""
    relay = translator(Dialect.MESSAGES, Dialect.MESSAGES)
    relay.feed(started())
    pieces = text(0, "Hel", "lo")
    assert [relay.feed(piece) for piece in pieces] == [[piece] for piece in pieces]


@pytest.mark.parametrize(
    ("role", "sent_as"),
    [("user", "user"), ("system", "system"), ("developer", "system"), ("narrator", "user")],
)
def test_a_relayed_request_has_roles_its_upstream_knows(role: str, sent_as: str) -> None:
    """A turn under a role that the vendor would refuse goes on under one it takes, unchanged."""
    turn = {"role": role, "content": "Hi", "x_vendor": 1}
    relayed = request({"model": "m", "messages": [turn, 5]}, Dialect.MESSAGES, Dialect.MESSAGES)
    assert relayed["messages"] == [{**turn, "role": sent_as}, 5]
