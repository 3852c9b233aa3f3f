"""The settler: finished calls in, written together, kept while Postgres is away."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import text

from app.domain.attempt import FailureKind, Outcome
from app.gateway import Gateway
from app.services.settle import Finished
from app.services.start import Started, start
from tests.factories import WORKER, Customer, answer, failure, make_draft, submit
from tests.services.book import COST_NANOS, money, standing, states
from tests.services.faults import answer_lost, away, counted, cut
from tests.simulator.running import eventually
from workers.settler import Settler

Open = Callable[..., Gateway]
GRACE_S = 15.0
TOO_HIGH = 2**15
"""A count of tokens that no column holds."""


class Desk:
    """An open settler, and what it has said was settled."""

    def __init__(self, gateway: Gateway) -> None:
        self.settled: list[Finished] = []
        self.settler = Settler(gateway, self.settled.extend)
        self.settler.open()

    def put(self, jobs: Sequence[Started], outcome: Outcome) -> None:
        """Bring what came of these jobs."""
        for job in jobs:
            self.settler.put(Finished(job=job, outcome=outcome))

    def heard(self, count: int) -> bool:
        """Say whether so many were settled, before long."""
        return eventually(lambda: len(self.settled) >= count, within_s=15)


@pytest.fixture
def desk(gateway: Gateway) -> Iterator[Desk]:
    """Return a settler that is closed in the end."""
    opened = Desk(gateway)
    yield opened
    opened.settler.close(grace_s=GRACE_S)


def test_what_is_finished_is_settled(gateway: Gateway, customer: Customer, desk: Desk) -> None:
    """Each answer is written and paid, and whoever counts the slots hears of it."""
    jobs = _started(gateway, customer, 3)
    desk.put(jobs, answer())
    assert desk.heard(3)
    assert {each.job.id for each in desk.settled} == {job.id for job in jobs}
    assert states(gateway) == {"succeeded": 3}


def test_what_comes_together_is_written_together(
    gateway: Gateway, open_another: Open, customer: Customer, desk: Desk
) -> None:
    """Answers that come while one is being written share the next transaction."""
    jobs = _started(gateway, customer, 60)
    with counted(gateway) as sent:
        with open_another().engine.begin() as conn:
            conn.execute(text("LOCK TABLE jobs IN EXCLUSIVE MODE"))
            desk.put(jobs, answer())
        assert desk.heard(60)
    assert len([sql for sql in sent if "UPDATE holds" in sql]) <= 3
    assert money(gateway, customer) == (0, 60 * COST_NANOS)


def test_answers_are_kept_while_postgres_is_away(
    gateway: Gateway,
    database_url: str,
    customer: Customer,
    desk: Desk,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """They are tried again until it is back, and then each is paid once."""
    jobs = _started(gateway, customer, 5)
    caplog.set_level(logging.WARNING)
    with away(database_url):
        desk.put(jobs, answer())
        assert eventually(lambda: caplog.text.count("settler.waits") >= 2, within_s=15)
    assert desk.heard(5)
    assert states(gateway) == {"succeeded": 5}
    assert money(gateway, customer) == (0, 5 * COST_NANOS)


def test_a_commit_nobody_heard_of_is_not_repeated(
    gateway: Gateway, customer: Customer, desk: Desk
) -> None:
    """When the connection broke after the commit, trying again changes nothing."""
    jobs = _started(gateway, customer, 2)
    with answer_lost(gateway.engine):
        desk.put(jobs, answer())
        assert desk.heard(2)
    assert money(gateway, customer) == (0, 2 * COST_NANOS)


@pytest.mark.parametrize(
    "bad",
    [
        replace(answer(), status_code=TOO_HIGH),
        replace(failure(FailureKind.REJECTED, 400), message="half \ud83d of a pair"),
    ],
    ids=["more tokens than fit", "text that cannot be sent"],
)
def test_one_that_cannot_be_written_spares_the_others(
    gateway: Gateway, open_another: Open, customer: Customer, desk: Desk, bad: Outcome
) -> None:
    """In a group with a poisonous outcome the rest is settled, and so is what comes later."""
    jobs = _started(gateway, customer, 7)
    with open_another().engine.begin() as conn:
        conn.execute(text("LOCK TABLE jobs IN EXCLUSIVE MODE"))
        desk.put(jobs[:3], answer())
        desk.put(jobs[3:4], bad)
        desk.put(jobs[4:6], answer())
    assert desk.heard(6)
    desk.put(jobs[6:], answer())
    assert desk.heard(7)
    good = [job for job in jobs if job.id != jobs[3].id]
    assert [standing(gateway, job.id)[0] for job in good] == ["succeeded"] * 6


def test_an_outage_beside_one_that_cannot_be_written(
    gateway: Gateway, open_another: Open, customer: Customer
) -> None:
    """When the connection dies while a broken group is settled singly, no answer is dropped."""
    good, bad = _started(gateway, customer, 2)
    settled: list[Finished] = []
    settler = Settler(gateway, settled.extend)
    settler.put(Finished(job=good, outcome=answer()))
    settler.put(Finished(job=bad, outcome=replace(answer(), status_code=TOO_HIGH)))
    with cut(gateway, open_another(), before=1):
        settler.open()
        settler.close(grace_s=GRACE_S)
    assert len(settled) == 2
    assert standing(gateway, good.id) == ("succeeded", None, 1)


def test_every_slot_is_given_back(gateway: Gateway, customer: Customer, desk: Desk) -> None:
    """What cannot be written is reported too, so that its slot and its lease are let go."""
    (job,) = _started(gateway, customer, 1)
    desk.put([job], replace(answer(), status_code=TOO_HIGH))
    assert desk.heard(1)
    assert standing(gateway, job.id) == ("running", None, 1)


def test_closing_settles_what_is_left(gateway: Gateway, customer: Customer) -> None:
    """A settler that closes writes all it was given first."""
    desk = Desk(gateway)
    jobs = _started(gateway, customer, 50)
    desk.put(jobs, answer())
    desk.settler.close(grace_s=GRACE_S)
    assert len(desk.settled) == 50
    assert states(gateway) == {"succeeded": 50}


def test_late_answers_are_heard_of_too(gateway: Gateway, customer: Customer, desk: Desk) -> None:
    """An answer whose lease is lost is void, and its slot is free again all the same."""
    (job,) = _started(gateway, customer, 1)
    desk.put([replace(job, attempt=7)], answer())
    assert desk.heard(1)
    assert standing(gateway, job.id) == ("running", None, 1)


def _started(gateway: Gateway, customer: Customer, count: int) -> Sequence[Started]:
    new = [make_draft(gateway, customer) for _ in range(count)]
    return start(gateway, submit(gateway, customer, new).job_ids, WORKER).started
