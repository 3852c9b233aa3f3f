"""An Idempotency-Key whose job never began for want of money: coming back is a new try."""

from collections.abc import Sequence

import pytest

from app.domain.job import NewJob, OnEmpty
from app.domain.money import NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services import fund
from app.services.start import start
from app.services.submit import Submitted
from tests.factories import (
    WORKER,
    Customer,
    answer,
    make_customer,
    make_draft,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import change, job_row
from tests.services.funds import make_cap

KEY = "k"


@pytest.fixture
def poor(gateway: Gateway) -> Customer:
    """An account without a cent."""
    return make_customer(gateway, "0")


def send(gateway: Gateway, owner: Customer) -> Submitted:
    """Send the same request once more, under the same key."""
    draft = make_draft(gateway, owner, on_empty=OnEmpty.FAIL)
    return submit(gateway, owner, [draft], idempotency_key=KEY)


def refused(gateway: Gateway, owner: Customer) -> str:
    """Send it, and have it refused; return how."""
    (job_id,) = send(gateway, owner).job_ids
    assert start(gateway, [job_id], WORKER).ended == (job_id,)
    return str(job_row(gateway, job_id).error_code)


def test_the_remedy_of_a_402_works_under_its_key(gateway: Gateway, poor: Customer) -> None:
    """After a deposit the same request is a new job, which its key then stands for."""
    assert refused(gateway, poor) == "insufficient_balance"
    fund.deposit(gateway, poor.account_id, NANOS_PER_DOLLAR, reference=None)
    again = send(gateway, poor)
    assert not again.replayed
    settle_one(gateway, start_one(gateway, again.job_ids[0]), answer())
    assert send(gateway, poor).job_ids == again.job_ids


def test_a_cap_that_was_raised_lets_the_same_key_through(
    gateway: Gateway, customer: Customer
) -> None:
    """Also where the job could never have fit."""
    cap_id = make_cap(gateway, customer, 1)
    assert refused(gateway, customer) == "request_exceeds_limit"
    change(gateway, "UPDATE caps SET limit_nanos = :n WHERE id = :id", n=10**9, id=cap_id)
    change(gateway, "UPDATE cap_windows SET spent_nanos = :n", n=10**9)
    assert refused(gateway, customer) == "cap_reached"
    change(gateway, "UPDATE cap_windows SET spent_nanos = 0")
    again = send(gateway, customer)
    assert not again.replayed
    start_one(gateway, again.job_ids[0])


def test_a_key_whose_jobs_began_in_part_stands(gateway: Gateway, poor: Customer) -> None:
    """Of several jobs one that was carried out must not be carried out again."""
    drafts: Sequence[Sequence[NewJob]] = [
        [make_draft(gateway, poor, on_empty=OnEmpty.FAIL) for _ in range(2)] for _ in range(2)
    ]
    first = submit(gateway, poor, drafts[0], idempotency_key=KEY)
    start(gateway, first.job_ids[:1], WORKER)
    fund.deposit(gateway, poor.account_id, NANOS_PER_DOLLAR, reference=None)
    settle_one(gateway, start_one(gateway, first.job_ids[1]), answer())
    assert submit(gateway, poor, drafts[1], idempotency_key=KEY).job_ids == first.job_ids


def test_a_key_of_another_request_is_not_freed(gateway: Gateway, poor: Customer) -> None:
    """A waiting job has not ended, so that its key stands for it."""
    draft = make_draft(gateway, poor)
    first = submit(gateway, poor, [draft], idempotency_key=KEY)
    start(gateway, first.job_ids, WORKER)
    again = submit(gateway, poor, [make_draft(gateway, poor)], idempotency_key=KEY)
    assert again.job_ids == first.job_ids
