"""Messages at the intake: ids in, free slots waited for, jobs started, handed on."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy.exc import SQLAlchemyError

from app.domain.job import Lane, OnEmpty
from app.gateway import Gateway
from app.services.wait import Waiting, reader
from tests.factories import Customer, make_customer, make_job
from tests.services.book import job_row, rung, silence, states
from tests.services.faults import at_once, away, counted
from tests.simulator.running import eventually
from tests.workers.intake.desk import WORKER, Desk, DeskOf, Open, has_launched, stuck, submitted


def test_ids_become_started_jobs(gateway: Gateway, customer: Customer, desk_of: DeskOf) -> None:
    """Each job of a message is leased to this worker, handed on, and holds a slot."""
    ids = submitted(gateway, customer, 5)
    desk = desk_of(gateway)
    desk.offer(*ids)
    assert sorted(desk.launched) == sorted(ids)
    assert desk.slots.used == 5
    assert {job_row(gateway, job_id).worker_id for job_id in ids} == {WORKER}


def test_what_does_not_start_gives_its_slot_back(
    gateway: Gateway, customer: Customer, desk_of: DeskOf
) -> None:
    """Jobs that are over, unknown, or wait for money hold no slot."""
    good = make_job(gateway, customer)
    poor = make_job(gateway, make_customer(gateway, "0"))
    desk = desk_of(gateway, slots=4)
    desk.offer("job_none", poor, good, "job_none_either")
    assert (desk.launched, desk.slots.used) == ([good], 1)


def test_a_second_message_finds_nothing_to_do(
    gateway: Gateway, customer: Customer, desk_of: DeskOf
) -> None:
    """A doubled message starts nothing, and holds no slot."""
    (job_id,) = submitted(gateway, customer, 1)
    desk = desk_of(gateway)
    for _ in range(3):
        desk.offer(job_id)
    assert (desk.launched, desk.slots.used) == ([job_id], 1)


def test_without_a_slot_ids_go_back(gateway: Gateway, customer: Customer, desk_of: DeskOf) -> None:
    """Ids that find no slot for a while are rung for again, where another worker hears them."""
    ids = submitted(gateway, customer, 5)
    silence(gateway)
    desk = desk_of(gateway, slots=2)
    desk.offer(*ids)
    assert sorted(desk.launched) == sorted(ids[:2])
    assert rung(gateway) == [ids[2:]]


def test_ids_wait_for_a_slot(gateway: Gateway, customer: Customer, desk_of: DeskOf) -> None:
    """With fewer slots than ids the rest starts as slots come free."""
    ids = submitted(gateway, customer, 3)
    desk = desk_of(gateway, slots=1)
    with ThreadPoolExecutor(1) as pool:
        offering = pool.submit(desk.offer, *ids)
        for count in (1, 2):
            assert eventually(partial(has_launched, desk, count))
            desk.slots.give(Lane.INTERACTIVE, 1)
        offering.result(10)
    assert desk.launched == ids


def test_messages_that_come_together_start_together(
    open_another: Open, gateway: Gateway, customer: Customer, desk_of: DeskOf
) -> None:
    """Ten messages share a few transactions, and each keeps the slots of its own jobs."""
    ids = submitted(gateway, customer, 40)
    desk = desk_of(gateway)
    with counted(gateway) as sent, ThreadPoolExecutor(10) as pool:
        with stuck(open_another()):
            offers = [pool.submit(desk.offer, *ids[n * 4 : n * 4 + 4]) for n in range(10)]
            assert eventually(lambda: desk.slots.used == 40)
        for offer in offers:
            offer.result(10)
    assert len([sql for sql in sent if "INSERT INTO attempts" in sql]) <= 3
    assert (sorted(desk.launched), desk.slots.used) == (sorted(ids), 40)


def test_one_id_in_two_messages_holds_one_slot(
    gateway: Gateway, customer: Customer, desk_of: DeskOf
) -> None:
    """Two messages with the same ids at the same moment start and hold them once."""
    for _ in range(5):
        ids = submitted(gateway, customer, 10)
        desk = desk_of(gateway)
        at_once(partial(_offer_all, desk), [ids] * 4)
        assert (sorted(desk.launched), desk.slots.used) == (sorted(ids), 10)


def test_an_error_gives_the_slots_back(
    gateway: Gateway, customer: Customer, database_url: str, desk_of: DeskOf
) -> None:
    """When a start cannot be made its slots are free again, and the next one finds them."""
    ids = submitted(gateway, customer, 3)
    desk = desk_of(gateway, slots=3)
    with away(database_url), pytest.raises(SQLAlchemyError):
        desk.offer(*ids)
    assert desk.slots.used == 0
    desk.offer(*ids)
    assert sorted(desk.launched) == sorted(ids)


def test_who_waits_hears_of_a_job_that_ends_here(gateway: Gateway, desk_of: DeskOf) -> None:
    """A job refused for want of money wakes its caller, who need not wait for the next look."""
    poor = make_customer(gateway, "0")
    job_id = make_job(gateway, poor, on_empty=OnEmpty.FAIL)
    waiting = Waiting(gateway, reader(gateway), job_id)
    desk_of(gateway).offer(job_id)
    job = waiting.until_final(poor.account_id, 10)
    assert job.error is not None
    assert job.error.code == "insufficient_balance"


@pytest.mark.parametrize("lane", Lane)
def test_a_closed_worker_takes_nothing(
    gateway: Gateway, customer: Customer, desk_of: DeskOf, lane: Lane
) -> None:
    """Once it stops claiming, whatever comes goes back to the queue."""
    ids = submitted(gateway, customer, 3, lane=lane)
    silence(gateway)
    desk = desk_of(gateway)
    desk.intake.close()
    desk.offer(*ids, lane=lane)
    assert (desk.launched, rung(gateway, lane)) == ([], [ids])
    assert states(gateway) == {"queued": 3}


def _offer_all(desk: Desk, ids: Sequence[str]) -> None:
    desk.offer(*ids)
