"""Streams while Redis is away, hangs or is slow: they cost frames, and never an answer's time."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from app.broker import connect
from app.streams import key_of
from app.streams.writing import StreamWriter
from tests.limits.ordering import Cable

from .test_streams import JOB, NOWHERE, OTHER, SOON_S

MANY = 20_000
"""Frames of other streams that nobody takes; far more than one round trip carries."""

GIVEN_UP_S = 4.0
"""How long an end may take while Redis hangs: its own limit, and what a busy machine adds."""

Write = Callable[..., Any]


def ending(*, crowd: int) -> Any:
    """Return work that measures the end of a stream while others have frames on their way."""

    async def work(writer: StreamWriter) -> float:
        others = writer.begin(OTHER, 1)
        for _ in range(crowd):
            others.emit(b"theirs")
        live = writer.begin(JOB, 1)
        live.emit(b"mine")
        began = time.monotonic()
        await live.end()
        return time.monotonic() - began

    return work


def test_an_end_does_not_wait_for_a_redis_that_is_down(write: Write) -> None:
    """A finished answer is settled at once, however many frames nobody takes."""
    assert write(ending(crowd=MANY), NOWHERE) < GIVEN_UP_S


def test_an_end_does_not_wait_long_for_a_redis_that_hangs(write: Write, cable: Cable) -> None:
    """A Redis that takes frames and never answers costs an answer two seconds."""
    cable.go_dead()
    assert write(ending(crowd=MANY), cable.url) < GIVEN_UP_S


def test_ends_while_redis_is_away_cost_nothing(write: Write) -> None:
    """After the first failure nothing is tried for a while: a hundred streams end at once."""

    async def work(writer: StreamWriter) -> float:
        began = time.monotonic()
        for number in range(100):
            live = writer.begin(f"{JOB}{number}", 1)
            live.emit(b"one")
            await live.end()
        return time.monotonic() - began

    assert write(work, NOWHERE) < GIVEN_UP_S


def test_an_end_waits_for_its_own_stream_only(write: Write) -> None:
    """A stream ends while another one never stops sending."""

    async def work(writer: StreamWriter) -> bool:
        async def chatter() -> None:
            others = writer.begin(OTHER, 1)
            while True:
                others.emit(b"theirs")
                await asyncio.sleep(0)

        talking = asyncio.create_task(chatter())
        live = writer.begin(JOB, 1)
        live.emit(b"mine")
        async with asyncio.timeout(SOON_S):
            await live.end()
        went_on = not talking.done()
        talking.cancel()
        await asyncio.wait([talking])
        return went_on

    assert write(work)


def test_a_whole_answer_is_not_interrupted_any_more(write: Write, cable: Cable) -> None:
    """A call that is cancelled while the end of its stream is on its way has ended well."""
    cable.go_dead()

    async def work(writer: StreamWriter) -> str:
        async def call() -> str:
            await writer.begin(JOB, 1).end()
            return "answer"

        task = asyncio.create_task(call())
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert write(work, cable.url) == "answer"


def test_an_end_is_there_when_it_returns(write: Write, redis_url: str, prefix: str) -> None:
    """Whoever is woken by the settlement after it finds the whole stream."""

    async def work(writer: StreamWriter) -> Any:
        live = writer.begin(JOB, 1)
        live.emit(b"one")
        await live.end()
        found: Any = connect(redis_url).xrange(key_of(prefix, JOB))
        return found

    assert [entry_id for entry_id, _ in write(work)] == [b"1-1", b"1-2"]


def test_frames_go_on_after_an_outage(
    write: Write, cable: Cable, redis_url: str, prefix: str
) -> None:
    """What is sent while Redis is away is lost; what is sent after it is back is there."""

    async def work(writer: StreamWriter) -> None:
        cable.cut()
        await writer.begin(OTHER, 1).end()
        cable.mend()
        async with asyncio.timeout(SOON_S):
            attempt = 0
            while not connect(redis_url).exists(key_of(prefix, JOB)):
                attempt += 1
                await writer.begin(JOB, attempt).end()
                await asyncio.sleep(0.05)

    write(work, cable.url)
    client = connect(redis_url)
    assert not client.exists(key_of(prefix, OTHER))
    assert client.exists(key_of(prefix, JOB))
