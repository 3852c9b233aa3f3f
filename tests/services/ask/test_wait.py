"""Waiting for a job, and reading it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import DBAPIError

from app.domain.errors import NotFound, WaitTimedOut
from app.domain.job import Job, JobState
from app.gateway import Gateway
from app.services import wait
from app.services.cancel import cancel
from app.services.keeping.sweep import sweep
from app.services.wait import Waiting, reader
from tests.factories import (
    Customer,
    answer,
    make_customer,
    make_draft,
    make_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import lapse, let_pass
from tests.services.faults import NOWHERE, answer_lost, at_once, away, counted
from tests.simulator.running import eventually

Open = Callable[..., Gateway]
LONG_S = 20.0


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiters that do not look by themselves before a test is over."""
    monkeypatch.setattr(wait, "LOOK_S", 2 * LONG_S)


@pytest.mark.usefixtures("unhurried")
def test_a_waiter_is_woken_by_the_settlement(
    gateway: Gateway, open_another: Open, customer: Customer
) -> None:
    """What another process settles and publishes ends the wait at once, with the answer."""
    job_id = make_job(gateway, customer)
    with _waiting(gateway, customer, job_id) as waited:
        worker = open_another()
        settle_one(worker, start_one(worker, job_id), answer())
        assert waited.result(LONG_S / 2).response == answer().body


@pytest.mark.usefixtures("unhurried")
def test_a_waiter_is_woken_by_a_commit_nobody_heard_of(
    gateway: Gateway, open_another: Open, customer: Customer
) -> None:
    """A settlement whose connection broke after its commit wakes when it is tried again."""
    job_id = make_job(gateway, customer)
    with _waiting(gateway, customer, job_id) as waited:
        worker = open_another()
        started = start_one(worker, job_id)
        with answer_lost(worker.engine), pytest.raises(DBAPIError):
            settle_one(worker, started, answer())
        settle_one(worker, started, answer())
        assert waited.result(LONG_S / 2).response == answer().body


@pytest.mark.usefixtures("unhurried")
def test_a_waiter_is_woken_by_a_cancellation(gateway: Gateway, customer: Customer) -> None:
    """Every end wakes, not only an answer."""
    job_id = make_job(gateway, customer)
    with _waiting(gateway, customer, job_id) as waited:
        cancel(gateway, customer.caller, job_id)
        assert waited.result(LONG_S / 2).state is JobState.CANCELLED


@pytest.mark.usefixtures("unhurried")
def test_a_wake_up_that_is_not_the_end_goes_on_waiting(
    gateway: Gateway, customer: Customer
) -> None:
    """A hint that comes too early does no harm: the next one is heard too."""
    job_id = make_job(gateway, customer)
    with _waiting(gateway, customer, job_id) as waited:
        gateway.broker.publish_results([job_id])
        assert eventually(lambda: gateway.wakeups._waiting.get(job_id))
        cancel(gateway, customer.caller, job_id)
        assert waited.result(LONG_S / 2).state is JobState.CANCELLED


@pytest.mark.usefixtures("unhurried")
def test_many_waiters_are_woken_by_one_listener(gateway: Gateway, customer: Customer) -> None:
    """100 callers of one process wait for 50 jobs; each gets its own, over one connection."""
    ids = submit(gateway, customer, [make_draft(gateway, customer) for _ in range(50)]).job_ids
    waits = [Waiting(gateway, reader(gateway), job_id) for job_id in ids * 2]
    with ThreadPoolExecutor(len(waits)) as pool:
        calls = [pool.submit(each.until_final, customer.account_id, LONG_S) for each in waits]
        assert _listeners(gateway) == 1
        at_once(lambda job_id: cancel(gateway, customer.caller, job_id), ids, threads=8)
        assert [call.result(LONG_S).id for call in calls] == [*ids, *ids]


def test_a_lost_wake_up_is_made_good(
    gateway: Gateway, open_another: Open, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the publication never came, the waiter finds the end of the job by looking."""
    monkeypatch.setattr(wait, "LOOK_S", 0.05)
    job_id = make_job(gateway, customer)
    with _waiting(gateway, customer, job_id) as waited:
        worker = open_another(redis_url=NOWHERE)
        settle_one(worker, start_one(worker, job_id), answer())
        assert waited.result(LONG_S / 2).state is JobState.SUCCEEDED


def test_waiting_works_without_a_bus(
    open_another: Open, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Redis down all the while, a waiter still gets its answer by looking."""
    monkeypatch.setattr(wait, "LOOK_S", 0.05)
    gateway = open_another(redis_url=NOWHERE)
    job_id = make_job(gateway, customer)
    waiting = Waiting(gateway, reader(gateway), job_id)
    with ThreadPoolExecutor(1) as pool:
        waited = pool.submit(waiting.until_final, customer.account_id, LONG_S)
        cancel(gateway, customer.caller, job_id)
        assert waited.result(LONG_S / 2).state is JobState.CANCELLED


def test_a_wait_that_is_over_returns_the_job_as_it_is(gateway: Gateway, customer: Customer) -> None:
    """Who has waited long enough gets the unfinished job, at the time it asked for."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    begun = time.monotonic()
    job = Waiting(gateway, reader(gateway), job_id).until_final(customer.account_id, 0.3)
    assert 0.3 <= time.monotonic() - begun < 1.5
    assert job.state is JobState.RUNNING


def test_a_finished_job_is_not_waited_for(
    gateway: Gateway, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that was final before the wait began is found with the first look."""
    monkeypatch.setattr(wait, "LOOK_S", 0.05)
    job_id = make_job(gateway, customer)
    cancel(gateway, customer.caller, job_id)
    begun = time.monotonic()
    job = Waiting(gateway, reader(gateway), job_id).until_final(customer.account_id, LONG_S)
    assert job.is_final
    assert time.monotonic() - begun < LONG_S / 4


def test_nobody_waits_for_another_accounts_job(gateway: Gateway, customer: Customer) -> None:
    """It is not found, and no waiter is left behind."""
    job_id = make_job(gateway, make_customer(gateway))
    with pytest.raises(NotFound):
        Waiting(gateway, reader(gateway), job_id).until_final(customer.account_id, 0)
    assert gateway.wakeups._waiting == {}


def test_waiters_leave_nothing_behind(gateway: Gateway, customer: Customer) -> None:
    """After a wait, given up or ended, nobody is remembered."""
    job_id = make_job(gateway, customer)
    Waiting(gateway, reader(gateway), job_id).close()
    Waiting(gateway, reader(gateway), job_id).until_final(customer.account_id, 0)
    assert gateway.wakeups._waiting == {}


@pytest.mark.parametrize("job_id", ["job_none", "", "x" * 3_000, "job_\x00", "job_\ud800"])
def test_an_impossible_id_is_not_found(gateway: Gateway, customer: Customer, job_id: str) -> None:
    """Whatever somebody asks for, it is not found; a group it shares is not harmed."""
    with pytest.raises(NotFound):
        reader(gateway)(customer.account_id, job_id)


def test_readers_that_come_together_share_a_query(gateway: Gateway, customer: Customer) -> None:
    """60 simultaneous readers of 20 jobs, a third of them nosy, get theirs in few queries."""
    other = make_customer(gateway)
    ids = submit(gateway, customer, [make_draft(gateway, customer) for _ in range(20)]).job_ids
    read_one = reader(gateway)

    def read(number: int) -> bool:
        owner = other if number % 3 == 2 else customer
        try:
            return read_one(owner.account_id, ids[number % 20]).id == ids[number % 20]
        except NotFound:
            return False

    with counted(gateway) as sent:
        found = at_once(read, range(60))
    assert found == [number % 3 != 2 for number in range(60)]
    assert len(sent) < 60


def test_a_waiter_outlasts_an_outage(
    gateway: Gateway, open_another: Open, customer: Customer, database_url: str
) -> None:
    """Who waits while the database goes away and comes back gets the answer all the same."""
    job_id = make_job(gateway, customer)
    with _waiting(gateway, customer, job_id) as waited:
        with away(database_url):
            gateway.broker.publish_results([job_id])
            assert eventually(lambda: gateway.wakeups._waiting.get(job_id))
        cancel(open_another(), customer.caller, job_id)
        assert waited.result(LONG_S / 2).state is JobState.CANCELLED


def test_a_wait_without_a_database_times_out(
    gateway: Gateway, customer: Customer, database_url: str
) -> None:
    """Who never got to see the accepted job is told that it was accepted, not that it failed."""
    job_id = make_job(gateway, customer)
    waiting = Waiting(gateway, reader(gateway), job_id)
    with away(database_url), pytest.raises(WaitTimedOut, match=f"{job_id} is accepted"):
        waiting.until_final(customer.account_id, 0.2)
    assert gateway.wakeups._waiting == {}


def test_a_lost_worker_wakes_with_the_reason(gateway: Gateway, customer: Customer) -> None:
    """Who waits for a job that expired in a dead worker's hands hears of it from the sweeper."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    let_pass(gateway, job_id, "deadline_at", 86_401)
    lapse(gateway, job_id)
    with _waiting(gateway, customer, job_id) as waited:
        sweep(gateway)
        assert waited.result(LONG_S / 2).state is JobState.EXPIRED


@contextmanager
def _waiting(gateway: Gateway, customer: Customer, job_id: str) -> Iterator[Future[Job]]:
    """Wait for a job in another thread, from a moment at which wake-ups are heard."""
    waiting = Waiting(gateway, reader(gateway), job_id)
    with ThreadPoolExecutor(1) as pool:
        waited = pool.submit(waiting.until_final, customer.account_id, LONG_S)
        assert _listeners(gateway)
        yield waited


def _listeners(gateway: Gateway) -> int:
    def count() -> int:
        ((_, listeners),) = gateway.broker.client.pubsub_numsub(gateway.broker.results_channel)
        return int(listeners)

    return eventually(count)
