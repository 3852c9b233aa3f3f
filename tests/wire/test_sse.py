"""Server-sent events, written and read."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.dialect import Dialect
from app.wire import sse
from app.wire.sse import Event, Parser

STREAM = (
    b'event: a\ndata: {"x":1}\n\n: a comment\n\ndata: one\ndata: two\n\n'
    b"id: 7\r\nevent: b\r\ndata:bare\r\n\r\ndata: x\r\rretry: 5\n\ndata: never ended"
)
EVENTS = [
    Event("a", b'{"x":1}'),
    Event("", b"one\ntwo"),
    Event("b", b"bare"),
    Event("", b"x"),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_a_stream_cut_anywhere_reads_the_same(cuts: list[int]) -> None:
    """Where the network cuts a stream makes no difference to its events."""
    parser, places = Parser(), [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in itertools.pairwise(places)]
    assert [event for piece in pieces for event in parser.feed(piece)] == EVENTS


def test_a_chat_frame_has_no_name() -> None:
    """Chat decoders want a bare data line."""
    assert sse.frame({"a": "ü"}, Dialect.CHAT) == b'data: {"a":"\\u00fc"}\n\n'


def test_a_messages_frame_is_named_after_its_type() -> None:
    """Messages decoders drop a frame without its event line."""
    frame = sse.frame({"type": "ping"}, Dialect.MESSAGES)
    assert frame == b'event: ping\ndata: {"type":"ping"}\n\n'


@pytest.mark.parametrize("dialect", Dialect)
def test_what_is_written_can_be_read(dialect: Dialect) -> None:
    """A frame of ours survives our own parser, with its number or without."""
    event = {"type": "t", "text": "line\nbreak\r and \u2028"}
    frame = sse.frame(event, dialect)
    for sent in (frame, sse.numbered(frame, 3)):
        (read,) = Parser().feed(sent)
        assert json.loads(read.data) == event


def test_an_endless_event_is_refused() -> None:
    """A provider cannot fill the memory with one event."""
    parser = Parser()
    with pytest.raises(sse.TooLong):
        [parser.feed(b"data: " + b"x" * 1_000_000 + b"\n") for _ in range(20)]


def test_an_endless_line_is_refused() -> None:
    """Neither can it with one line."""
    parser = Parser()
    with pytest.raises(sse.TooLong):
        [parser.feed(b"x" * 1_000_000) for _ in range(20)]


@pytest.mark.parametrize("dialect", Dialect)
def test_heartbeats_are_no_events_of_an_answer(dialect: Dialect) -> None:
    """A heartbeat is a comment, or a ping, which every decoder ignores."""
    read = Parser().feed(sse.MANNERS[dialect].heartbeat)
    assert [event.name for event in read] == ([] if dialect is Dialect.CHAT else ["ping"])
