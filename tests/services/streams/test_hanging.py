"""A database that hangs while answers are followed: it may delay their ends, never a frame."""

import threading
import time

import pytest
from sqlalchemy import text

from app.gateway import Gateway
from app.services.streaming import follow as streams
from app.services.streaming.replay import Numbered, Place
from app.streams.reading import ASIDE_MAX
from tests.factories import Customer, answer, make_customer, make_job, settle_one, start_one

from .test_following import FRAMES, follow, send

SILENCE_MAX_S = 3.0
"""Far less than the ten seconds after which the database gives a statement up."""

BEAT_S = 0.1


@pytest.fixture
def owner(gateway: Gateway) -> Customer:
    """An account with money."""
    return make_customer(gateway)


def test_a_hanging_database_holds_no_frame_back(
    gateway: Gateway, owner: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nobody can read a row, signs of life and frames come as ever, and then the end."""
    monkeypatch.setattr(streams, "HEARTBEAT_S", BEAT_S)
    job_id = make_job(gateway, owner, stream=True)
    started = start_one(gateway, job_id)
    following = follow(gateway, job_id)
    frames = following.frames(owner.caller.account_id)
    with gateway.engine.begin() as conn:
        conn.execute(text("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"))
        began = time.monotonic()
        assert [next(frames) for _ in range(3)] == [None, None, None]
        send(gateway, job_id, *FRAMES)
        told = [each for each in (next(frames) for _ in range(8)) if each is not None]
        assert told == [Numbered(Place(n), frame) for n, frame in enumerate(FRAMES, start=1)]
        assert time.monotonic() - began < SILENCE_MAX_S
    settle_one(gateway, started, answer())
    assert set(frames) <= {None}
    following.close()


def test_looks_take_few_threads(gateway: Gateway, owner: Customer) -> None:
    """However many streams want to know how their jobs stand, a handful of threads asks."""
    job_ids = [make_job(gateway, owner, stream=True) for _ in range(30)]
    followings = [follow(gateway, job_id) for job_id in job_ids]
    before = threading.active_count()
    with gateway.engine.begin() as conn:
        conn.execute(text("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE"))
        for each in followings:
            each._look(owner.caller.account_id)
        assert before < threading.active_count() <= before + ASIDE_MAX
    for each in followings:
        each.close()
