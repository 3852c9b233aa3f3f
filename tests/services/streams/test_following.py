"""Following an answer while it is made: what Redis brings, what the row says, what was lost."""

import asyncio
import json
from dataclasses import replace

import pytest

from app.broker import connect
from app.domain.errors import NotFound, StreamInterrupted
from app.gateway import Gateway
from app.services.streaming import follow as streams
from app.services.streaming.follow import EndedOtherwise, Following
from app.services.streaming.replay import BEGINNING, Numbered, Place
from app.services.wait import reader
from app.streams import key_of
from app.streams.writing import StreamWriter
from tests.factories import (
    Customer,
    answer,
    failure,
    make_customer,
    make_job,
    settle_one,
    start_one,
)

FRAMES = (b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n")
BODY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "text-prime",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "So."}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


@pytest.fixture
def owner(gateway: Gateway) -> Customer:
    """An account with money."""
    return make_customer(gateway)


def send(
    gateway: Gateway, job_id: str, *frames: bytes, attempt: int = 1, ends: bool = True
) -> None:
    """Send frames as a worker does."""

    async def work() -> None:
        settings = gateway.settings
        writer = StreamWriter(settings.redis_url, prefix=settings.redis_prefix)
        live = writer.begin(job_id, attempt)
        for frame in frames:
            live.emit(frame)
        if ends:
            await live.end()
        await writer.close()

    asyncio.run(work())


def follow(gateway: Gateway, job_id: str, *, after: Place = BEGINNING) -> Following:
    """Follow a job that may have ended before."""
    following = Following(gateway, reader(gateway), job_id, after=after)
    following.look_now()
    return following


def placed(following: Following, owner: Customer) -> list[Numbered]:
    """Return every frame with its place until the end."""
    try:
        return [each for each in following.frames(owner.caller.account_id) if each is not None]
    finally:
        following.close()


def all_of(following: Following, owner: Customer) -> list[bytes]:
    """Return every frame until the end."""
    return [each.frame for each in placed(following, owner)]


def forget(gateway: Gateway, job_id: str) -> None:
    """Let Redis lose the frames of a job."""
    connect(gateway.settings.redis_url).delete(key_of(gateway.settings.redis_prefix, job_id))


def settled(gateway: Gateway, owner: Customer, *frames: bytes, ends: bool = True) -> str:
    """Return a streamed job that was answered."""
    job_id = make_job(gateway, owner, stream=True)
    started = start_one(gateway, job_id)
    send(gateway, job_id, *frames, ends=ends)
    settle_one(gateway, started, replace(answer(), body=json.dumps(BODY).encode()))
    return job_id


def test_every_frame_and_then_the_end(gateway: Gateway, owner: Customer) -> None:
    """A finished stream is replayed whole, and ends because its job has succeeded."""
    job_id = settled(gateway, owner, *FRAMES)
    assert all_of(follow(gateway, job_id), owner) == list(FRAMES)


def test_frames_come_before_the_job_is_settled(gateway: Gateway, owner: Customer) -> None:
    """The first frame is handed out while the attempt still runs; the end only after T3."""
    job_id = make_job(gateway, owner, stream=True)
    following = Following(gateway, reader(gateway), job_id)
    started = start_one(gateway, job_id)
    send(gateway, job_id, *FRAMES)
    frames = following.frames(owner.caller.account_id)
    assert next(frames) == Numbered(Place(1), FRAMES[0])
    settle_one(gateway, started, answer())
    assert len(list(frames)) == 2
    following.close()


def test_only_what_is_new(gateway: Gateway, owner: Customer) -> None:
    """A client that comes back gets the frames after the last one it knows."""
    job_id = settled(gateway, owner, *FRAMES)
    assert all_of(follow(gateway, job_id, after=Place(2)), owner) == [FRAMES[2]]


def test_frames_that_are_gone_are_told(gateway: Gateway, owner: Customer) -> None:
    """Nobody is given the frames of another cut in place of those that have expired."""
    job_id = settled(gateway, owner, *FRAMES)
    forget(gateway, job_id)
    with pytest.raises(NotFound, match="not kept"):
        all_of(follow(gateway, job_id, after=Place(2)), owner)


def test_an_answer_that_was_not_streamed_is_cut(gateway: Gateway, owner: Customer) -> None:
    """Any succeeded job can be followed: its answer comes as the frames it would have been."""
    job_id = make_job(gateway, owner)
    settle_one(
        gateway, start_one(gateway, job_id), replace(answer(), body=json.dumps(BODY).encode())
    )
    told = b"".join(all_of(follow(gateway, job_id), owner))
    assert b'"content":"So."' in told
    assert b'"finish_reason":"stop"' in told


def test_a_flush_before_the_first_frame_costs_nothing(gateway: Gateway, owner: Customer) -> None:
    """Frames that Redis lost before anybody saw them are made anew from the answer."""
    job_id = settled(gateway, owner, *FRAMES)
    forget(gateway, job_id)
    assert b'"content":"So."' in b"".join(all_of(follow(gateway, job_id), owner))


def test_a_flush_between_frames_is_told(gateway: Gateway, owner: Customer) -> None:
    """A client that has a part of an answer never gets a piece of it twice, or a hole."""
    job_id = settled(gateway, owner, FRAMES[0], ends=False)
    with pytest.raises(StreamInterrupted, match=f"whole answer .* GET /v1/jobs/{job_id}"):
        all_of(follow(gateway, job_id), owner)


def test_a_second_attempt_cannot_go_on_where_the_first_stopped(
    gateway: Gateway, owner: Customer
) -> None:
    """Frames of another attempt after the first frame end the stream with an error."""
    job_id = make_job(gateway, owner, stream=True)
    following = follow(gateway, job_id)
    send(gateway, job_id, FRAMES[0], ends=False)
    frames = following.frames(owner.caller.account_id)
    assert next(frames) == Numbered(Place(1), FRAMES[0])
    send(gateway, job_id, *FRAMES, attempt=2)
    with pytest.raises(StreamInterrupted):
        list(frames)
    following.close()


def test_a_failed_job_says_why(gateway: Gateway, owner: Customer) -> None:
    """The end of a job without an answer is its error."""
    job_id = make_job(gateway, owner, stream=True)
    settle_one(gateway, start_one(gateway, job_id), replace(failure(), begun=True))
    with pytest.raises(EndedOtherwise) as ended:
        all_of(follow(gateway, job_id), owner)
    assert ended.value.job.error is not None
    assert ended.value.job.error.code == "stream_interrupted"


def test_another_account_sees_nothing(gateway: Gateway, owner: Customer) -> None:
    """A job of somebody else does not exist, whatever its stream holds."""
    stranger = make_customer(gateway)
    job_id = settled(gateway, owner)
    with pytest.raises(NotFound):
        all_of(follow(gateway, job_id), stranger)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats ten times a second."""
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.1)


@pytest.mark.usefixtures("hasty")
def test_silence_wants_a_sign_of_life(gateway: Gateway, owner: Customer) -> None:
    """While nothing comes, the follower asks for heartbeats."""
    job_id = make_job(gateway, owner, stream=True)
    following = follow(gateway, job_id)
    frames = following.frames(owner.caller.account_id)
    assert [next(frames) for _ in range(3)] == [None, None, None]
    following.close()
