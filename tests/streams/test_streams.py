"""Frames from a worker to its readers: in order, none twice, and what a loss looks like."""

import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from app.broker import Broker, connect
from app.streams import key_of
from app.streams.reading import Entry, Follower, StreamReader
from app.streams.writing import StreamWriter

JOB = "job_01jd0000000000000000000000"
OTHER = "job_01jd0000000000000000000001"
SOON_S = 10.0
NOWHERE = "unix:///nowhere/redis.sock"

Write = Callable[..., Any]


def sending(*frames: bytes, attempt: int = 1, job: str = JOB, ends: bool = True) -> Any:
    """Return work that sends frames as one attempt does."""

    async def work(writer: StreamWriter) -> int:
        live = writer.begin(job, attempt)
        for frame in frames:
            live.emit(frame)
        if ends:
            await live.end()
        return live.sent

    return work


def arrived(follower: Follower, count: int) -> list[Entry | None]:
    """Return the next entries of a follower, who has asked for nothing."""
    found = [follower.next(SOON_S) for _ in range(count)]
    return [each for each in found if not isinstance(each, Future)]


def test_frames_arrive_in_order_and_end(reader: StreamReader, write: Write) -> None:
    """A follower gets each frame with its number, then the end."""
    follower = reader.follow(JOB)
    write(sending(b"one", b"two"))
    assert arrived(follower, 3) == [Entry(1, 1, b"one"), Entry(1, 2, b"two"), Entry(1, 3, None)]


def test_a_late_follower_sees_the_beginning(reader: StreamReader, write: Write) -> None:
    """What was sent before somebody followed is replayed."""
    write(sending(b"one", b"two"))
    assert arrived(reader.follow(JOB), 2) == [Entry(1, 1, b"one"), Entry(1, 2, b"two")]


def test_two_followers_both_see_everything(reader: StreamReader, write: Write) -> None:
    """A second follower of the same job does not take frames from the first."""
    first = reader.follow(JOB)
    write(sending(b"one", ends=False))
    assert arrived(first, 1) == [Entry(1, 1, b"one")]
    second = reader.follow(JOB)
    assert arrived(second, 1) == [Entry(1, 1, b"one")]
    write(sending(b"one", b"two"))
    seen = [entry for entry in arrived(first, 3) if entry and entry.number > 1]
    assert seen[0] == Entry(1, 2, b"two")


def test_streams_do_not_mix(reader: StreamReader, write: Write) -> None:
    """Frames of one job never reach a follower of another."""
    mine, theirs = reader.follow(JOB), reader.follow(OTHER)
    write(sending(b"theirs", job=OTHER))
    assert arrived(theirs, 1) == [Entry(1, 1, b"theirs")]
    with pytest.raises(queue.Empty):
        mine.next(0.1)


def test_a_late_attempt_cannot_write_between(
    reader: StreamReader, write: Write, redis_url: str, prefix: str
) -> None:
    """Redis refuses what an attempt sends after its successor has begun."""
    write(sending(b"second", attempt=2, ends=False))
    write(sending(b"first", attempt=1))
    entries: Any = connect(redis_url).xrange(key_of(prefix, JOB))
    assert [fields[b"f"] for _, fields in entries] == [b"second"]
    assert arrived(reader.follow(JOB), 1) == [Entry(2, 1, b"second")]


def test_a_next_attempt_knows_that_frames_went_out(write: Write) -> None:
    """A worker that takes a job over sees whether somebody may have read a part of an answer."""

    async def look(writer: StreamWriter) -> bool:
        return await writer.has_begun(JOB)

    assert write(look) is False
    write(sending(b"one", ends=False))
    assert write(look) is True


def test_a_stream_does_not_stay_for_ever(write: Write, redis_url: str, prefix: str) -> None:
    """Each stream has an expiry from its first frame on."""
    write(sending(b"one", ends=False))
    assert 0 < connect(redis_url).ttl(key_of(prefix, JOB)) <= 900


def test_a_flush_loses_frames_and_no_more(
    reader: StreamReader, write: Write, redis_url: str, prefix: str
) -> None:
    """After Redis forgot a stream, its follower goes on with the frames that come next."""
    follower = reader.follow(JOB)
    write(sending(b"one", ends=False))
    assert arrived(follower, 1) == [Entry(1, 1, b"one")]
    connect(redis_url).delete(key_of(prefix, JOB))
    write(sending(b"one", b"two"))
    entries = [each for each in arrived(follower, 2) if each is not None]
    assert entries[0].number == 2
    assert entries[-1].number == 3


def test_a_ring_wakes_a_follower(reader: StreamReader) -> None:
    """News from elsewhere come as None between the entries."""
    follower = reader.follow(JOB)
    follower.ring()
    assert follower.next(SOON_S) is None


def test_who_stopped_following_is_forgotten(reader: StreamReader, write: Write) -> None:
    """A closed follower gets nothing more, and closing it twice is harmless."""
    follower = reader.follow(JOB)
    follower.close()
    follower.close()
    write(sending(b"one"))
    with pytest.raises(queue.Empty):
        follower.next(0.1)


def test_a_worker_without_redis_goes_on(write: Write) -> None:
    """Frames that Redis does not take are dropped; the attempt still ends."""
    assert write(sending(b"one", b"two"), NOWHERE) == 3


def test_a_reader_without_redis_reads_nothing(prefix: str) -> None:
    """Following and reading while Redis is away raise nothing."""
    reader = StreamReader(Broker(NOWHERE, prefix=prefix))
    follower = reader.follow(JOB)
    assert reader.read(JOB) == []
    follower.close()
