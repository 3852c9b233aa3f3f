"""Holds that stay: they are shown with their jobs, and given back where no worker carries them."""

from collections.abc import Callable

import pytest

from app.domain.errors import NotFound, OutOfRange
from app.gateway import Gateway
from app.services.operate.holds import open_holds, release
from tests.factories import (
    Customer,
    answer,
    failure,
    make_customer,
    make_job,
    settle_one,
    start_one,
)
from tests.services.book import HOLD_NANOS, attempts, hold_of, lapse, let_pass, money, standing
from tests.services.funds import make_cap, window
from tests.services.operate.conftest import ANN


def test_old_holds_are_shown_with_their_jobs(gateway: Gateway, customer: Customer) -> None:
    """By account, with who carries the job; young ones and settled ones are left out."""
    other = make_customer(gateway)
    settle_one(gateway, start_one(gateway, make_job(gateway, other)), answer())
    theirs, ours = make_job(gateway, other), make_job(gateway, customer)
    start_one(gateway, theirs)
    settle_one(gateway, start_one(gateway, ours), failure())
    assert open_holds(gateway, None, older_s=3_600, limit=9) == []
    found = open_holds(gateway, None, older_s=0, limit=9)
    assert {(each.job_id, each.state, each.is_leased, each.nanos) for each in found} == {
        (theirs, "running", True, HOLD_NANOS),
        (ours, standing(gateway, ours)[0], False, HOLD_NANOS),
    }
    (one,) = open_holds(gateway, customer.account_id, older_s=0, limit=9)
    assert one.job_id == ours


def test_a_hold_is_given_back(
    gateway: Gateway, customer: Customer, audited: Callable[[Customer], list[str]]
) -> None:
    """Its job ends as cancelled, its lots and caps have what they had, and it is written down."""
    cap_id = make_cap(gateway, customer, 10**9)
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), failure())
    done = release(gateway, job_id, actor=ANN)
    assert done.nanos == HOLD_NANOS
    assert standing(gateway, job_id)[0] == "cancelled"
    assert hold_of(gateway, job_id) == ("released", HOLD_NANOS, 0)
    assert (money(gateway, customer), window(gateway, cap_id)) == ((0, 0), (0, 0))
    assert audited(customer) == ["holds release"]
    with pytest.raises(NotFound, match="has an open hold"):
        release(gateway, job_id, actor=ANN)


def test_a_job_that_is_carried_keeps_its_hold(gateway: Gateway, customer: Customer) -> None:
    """Its call may still be answered; once the lease has lapsed it is nobody's."""
    job_id = make_job(gateway, customer)
    late = start_one(gateway, job_id)
    with pytest.raises(OutOfRange, match="whose lease lasts until"):
        release(gateway, job_id, actor=ANN)
    lapse(gateway, job_id)
    release(gateway, job_id.replace("job_", "req_"), actor=ANN)
    assert (standing(gateway, job_id)[0], attempts(gateway, job_id)) == ("cancelled", ["lost"])
    settle_one(gateway, late, answer())
    assert money(gateway, customer) == (0, 0)


def test_what_was_never_held_is_not_released(gateway: Gateway, customer: Customer) -> None:
    """A job without a hold goes on, and what is no job is told apart from it by nothing."""
    job_id = make_job(gateway, customer)
    let_pass(gateway, job_id, "created_at", 86_400)
    for name in (job_id, "job_none", "nothing"):
        with pytest.raises(NotFound, match=f"No job '{name}' has an open hold"):
            release(gateway, name, actor=ANN)
    assert standing(gateway, job_id)[0] == "queued"
