"""Clients that leave a stream at odd moments."""

from dataclasses import replace

import falcon
import pytest

from app.domain.dialect import Dialect
from app.domain.job import Job
from app.gateway import Gateway
from app.services.streaming import follow
from app.web.desk import Desk, open_desk
from app.web.streaming import Stream
from tests.factories import Customer, answer, make_customer, make_job, settle_one, start_one
from tests.services.book import job_row


@pytest.fixture
def owner(gateway: Gateway) -> Customer:
    """An account with money."""
    return make_customer(gateway)


def begin(desk: Desk, owner: Customer, job_id: str) -> Stream:
    """Answer with the stream of a job, as far as its first sign of life."""
    following = desk.follow(job_id)
    following.look_now()
    stream = Stream(
        desk,
        following,
        account_id=owner.caller.account_id,
        dialect=Dialect.CHAT,
        request_id="req_1",
    )
    stream.answer(falcon.Response())
    return stream


def is_left(gateway: Gateway, job_id: str) -> bool:
    """True when the row says that nobody listens."""
    row = job_row(gateway, job_id)
    return (row.listeners, row.client_left_at is None) == (0, False)


def test_leaving_before_anything_was_sent(
    gateway: Gateway, owner: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that is closed before anybody began to read it leaves the job it was for."""
    monkeypatch.setattr(follow, "HEARTBEAT_S", 0.01)
    desk, job_id = open_desk(gateway), make_job(gateway, owner, stream=True)
    begin(desk, owner, job_id).close()
    assert is_left(gateway, job_id)


def test_leaving_after_a_heartbeat(
    gateway: Gateway, owner: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that goes while it waits for the first word leaves its job too."""
    monkeypatch.setattr(follow, "HEARTBEAT_S", 0.01)
    desk, job_id = open_desk(gateway), make_job(gateway, owner, stream=True)
    stream = begin(desk, owner, job_id)
    assert next(stream).startswith(b":")
    stream.close()
    assert is_left(gateway, job_id)


def test_one_that_is_turned_away_does_not_stay(gateway: Gateway, owner: Customer) -> None:
    """A client whose stream could not even begin is counted out, so that the job can be left."""

    def broken(_account_id: str, _job_id: str) -> Job:
        raise RuntimeError("no row")

    desk, job_id = open_desk(gateway), make_job(gateway, owner, stream=True)
    with pytest.raises(RuntimeError, match="no row"):
        begin(replace(desk, read=broken), owner, job_id)
    assert is_left(gateway, job_id)


def test_who_heard_it_all_has_not_left(gateway: Gateway, owner: Customer) -> None:
    """A client that stays to the end costs no look at the row: nothing is written of it."""
    desk, job_id = open_desk(gateway), make_job(gateway, owner, stream=True)
    settle_one(gateway, start_one(gateway, job_id), answer())
    stream = begin(desk, owner, job_id)
    assert list(stream)[-1] == b"data: [DONE]\n\n"
    stream.close()
    assert job_row(gateway, job_id).listeners == 1


def test_leaving_an_answer_that_is_there(gateway: Gateway, owner: Customer) -> None:
    """Who goes before the end of what is done already has not had it: a retry may."""
    desk, job_id = open_desk(gateway), make_job(gateway, owner, stream=True)
    settle_one(gateway, start_one(gateway, job_id), answer())
    begin(desk, owner, job_id).close()
    row = job_row(gateway, job_id)
    assert (row.state, row.listeners, row.client_left_at) == ("succeeded", 0, None)
