"""Cancelling a job, in each of its states."""

import pytest

from app.domain.attempt import FailureKind, Interrupted
from app.domain.errors import IdempotencyMismatch, NotFound
from app.gateway import Gateway
from app.services.cancel import cancel
from app.services.keeping import lease
from app.services.start import start
from tests.factories import (
    WORKER,
    Customer,
    answer,
    failure,
    make_customer,
    make_job,
    read_job,
    settle_one,
    start_one,
)
from tests.services.book import HOLD_NANOS, hold_of, job_row, money, standing, with_routes


def test_a_queued_job_is_cancelled_at_once(gateway: Gateway, customer: Customer) -> None:
    """It ends with its reason, before anybody has called for it."""
    job_id = make_job(gateway, customer)
    cancel(gateway, customer.caller, job_id)
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.attempts, job.finished_at is not None) == ("cancelled", 0, True)
    assert job.error is not None
    assert job.error.code == "job_cancelled"


def test_a_job_that_waits_for_balance_is_cancelled(gateway: Gateway) -> None:
    """It no longer waits for anything."""
    poor = make_customer(gateway, "0")
    job_id = make_job(gateway, poor)
    start(gateway, [job_id], WORKER)
    cancel(gateway, poor.caller, job_id)
    assert standing(gateway, job_id) == ("cancelled", None, 0)


def test_a_job_in_its_back_off_gives_its_hold_back(gateway: Gateway, customer: Customer) -> None:
    """The money that was kept for its next attempt is free again."""
    job_id = make_job(gateway, customer)
    settle_one(with_routes(gateway, 1), start_one(gateway, job_id), failure())
    assert money(gateway, customer) == (HOLD_NANOS, 0)
    cancel(gateway, customer.caller, job_id)
    assert hold_of(gateway, job_id) == ("released", HOLD_NANOS, 0)
    assert money(gateway, customer) == (0, 0)


def test_a_running_job_is_left_to_its_worker(gateway: Gateway, customer: Customer) -> None:
    """It runs on, with the wish noted where its worker, and no other one, sees it."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    cancel(gateway, customer.caller, job_id)
    assert standing(gateway, job_id) == ("running", None, 1)
    assert lease.unwanted(gateway, WORKER) == ([job_id], [])
    assert lease.unwanted(gateway, "tests:2:worker_2") == ([], [])


def test_the_first_wish_counts(gateway: Gateway, customer: Customer) -> None:
    """Cancelling again does not move the moment at which it was asked for."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    cancel(gateway, customer.caller, job_id)
    asked_at = job_row(gateway, job_id).cancel_requested_at
    cancel(gateway, customer.caller, job_id)
    assert job_row(gateway, job_id).cancel_requested_at == asked_at


def test_a_worker_that_was_told_is_told_no_more(gateway: Gateway, customer: Customer) -> None:
    """Once settled as cancelled the job is on nobody's list."""
    job_id = make_job(gateway, customer)
    started = start_one(gateway, job_id)
    cancel(gateway, customer.caller, job_id)
    settle_one(gateway, started, Interrupted(cancelled=True))
    assert lease.unwanted(gateway, WORKER) == ([], [])


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(answer(), "succeeded"), (failure(FailureKind.REJECTED, 400), "failed")],
)
def test_a_final_job_stays_as_it_is(
    gateway: Gateway, customer: Customer, outcome: object, state: str
) -> None:
    """What is over cannot be cancelled, and asking for it is no error."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), outcome)
    before = read_job(gateway, customer, job_id)
    cancel(gateway, customer.caller, job_id)
    assert read_job(gateway, customer, job_id) == before
    assert before.state == state


def test_cancelling_twice_is_cancelling_once(gateway: Gateway, customer: Customer) -> None:
    """The second call finds the job as the first one left it."""
    job_id = make_job(gateway, customer)
    cancel(gateway, customer.caller, job_id)
    before = read_job(gateway, customer, job_id)
    cancel(gateway, customer.caller, job_id)
    assert read_job(gateway, customer, job_id) == before


def test_another_accounts_job_is_not_found(gateway: Gateway, customer: Customer) -> None:
    """Nobody cancels, or learns of, what is not theirs."""
    job_id = make_job(gateway, make_customer(gateway))
    with pytest.raises(NotFound):
        cancel(gateway, customer.caller, job_id)
    assert standing(gateway, job_id) == ("queued", None, 0)


def test_an_unknown_job_is_not_found(gateway: Gateway, customer: Customer) -> None:
    """The error names the id."""
    with pytest.raises(NotFound, match="'job_none'"):
        cancel(gateway, customer.caller, "job_none")


def test_an_answer_in_flight_still_counts(gateway: Gateway, customer: Customer) -> None:
    """An answer that comes before the cancellation reaches its call is kept, and paid."""
    job_id = make_job(gateway, customer)
    started = start_one(gateway, job_id)
    cancel(gateway, customer.caller, job_id)
    settle_one(gateway, started, answer())
    assert standing(gateway, job_id) == ("succeeded", None, 1)


def test_an_idempotency_key_is_kept_for_a_cancellation(
    gateway: Gateway, customer: Customer
) -> None:
    """The same key cancels the same job again, and refuses to stand for another request."""
    first, second = make_job(gateway, customer), make_job(gateway, customer)
    for _ in range(2):
        cancel(gateway, customer.caller, first, idempotency_key="k", fingerprint=b"1")
    with pytest.raises(IdempotencyMismatch):
        cancel(gateway, customer.caller, second, idempotency_key="k", fingerprint=b"2")
    assert standing(gateway, second) == ("queued", None, 0)
