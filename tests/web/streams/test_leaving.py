"""Clients that leave a stream at odd moments."""

import falcon
import pytest

from app.domain.dialect import Dialect
from app.domain.job import JobState
from app.gateway import Gateway
from app.services.streaming import follow
from app.web.desk import Desk, open_desk
from app.web.streaming import Stream
from tests.factories import Customer, make_customer, make_job


@pytest.fixture
def owner(gateway: Gateway) -> Customer:
    """An account with money."""
    return make_customer(gateway)


def begin(desk: Desk, owner: Customer, job_id: str) -> Stream:
    """Answer with the stream of a job nobody carries, as far as its first sign of life."""
    stream = Stream(
        desk,
        desk.follow(job_id),
        account_id=owner.caller.account_id,
        dialect=Dialect.CHAT,
        request_id="req_1",
        is_only_listener=True,
    )
    stream.answer(falcon.Response())
    return stream


def test_leaving_before_anything_was_sent(
    gateway: Gateway, owner: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A body that is closed before anybody began to read it cancels the job it was for."""
    monkeypatch.setattr(follow, "HEARTBEAT_S", 0.01)
    desk, job_id = open_desk(gateway), make_job(gateway, owner, stream=True)
    begin(desk, owner, job_id).close()
    assert desk.read(owner.caller.account_id, job_id).state is JobState.CANCELLED


def test_leaving_after_a_heartbeat(
    gateway: Gateway, owner: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that goes while it waits for the first word cancels its job too."""
    monkeypatch.setattr(follow, "HEARTBEAT_S", 0.01)
    desk, job_id = open_desk(gateway), make_job(gateway, owner, stream=True)
    stream = begin(desk, owner, job_id)
    assert next(stream).startswith(b":")
    stream.close()
    assert desk.read(owner.caller.account_id, job_id).state is JobState.CANCELLED
