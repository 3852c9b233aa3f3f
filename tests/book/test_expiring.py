"""A job whose time is over gives its hold back, whoever finds out; beside what `walk/` does."""

from collections.abc import Callable

import pytest
from sqlalchemy.exc import DBAPIError

from app.gateway import Gateway
from app.services import read
from app.services.keeping.sweep import sweep
from app.services.start import start
from tests.factories import (
    WORKER,
    Customer,
    answer,
    failure,
    make_customer,
    make_job,
    settle_one,
    start_one,
)
from tests.services.book import (
    HOLD_NANOS,
    change,
    hold_of,
    lapse,
    let_pass,
    make_lot,
    money,
    standing,
)
from tests.services.faults import cut
from tests.services.funds import make_cap, make_tokens, tokens_of, window

TOO_LATE_S = 86_401
STATEMENTS = 3
"""The claim, and what earlier attempts left behind."""

Open = Callable[..., Gateway]


@pytest.fixture
def late(gateway: Gateway, customer: Customer) -> str:
    """A job between two attempts, with its hold, whose deadline has passed."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), failure())
    let_pass(gateway, job_id, "deadline_at", TOO_LATE_S)
    assert money(gateway, customer) == (HOLD_NANOS, 0)
    return job_id


def test_the_sweeper_gives_a_hold_back(gateway: Gateway, customer: Customer, late: str) -> None:
    """All of it, and no transfer is written."""
    assert sweep(gateway) == 1
    assert standing(gateway, late)[0] == "expired"
    assert hold_of(gateway, late) == ("released", HOLD_NANOS, 0)
    assert money(gateway, customer) == (0, 0)


def test_a_worker_that_comes_too_late_leaves_it_to_the_sweeper(
    gateway: Gateway, customer: Customer, late: str
) -> None:
    """It was rung for before the deadline: no call is made, and the hold is given back once."""
    change(gateway, "UPDATE jobs SET run_at = now()")
    assert start(gateway, [late], WORKER).started == ()
    assert sweep(gateway) == 1
    assert start(gateway, [late], WORKER).started == ()
    assert standing(gateway, late)[0] == "expired"
    assert money(gateway, customer) == (0, 0)


def test_the_hold_of_a_dead_worker_comes_back_at_the_deadline(gateway: Gateway) -> None:
    """Money, tokens and caps are as they were; and what it answers all the same costs nothing."""
    owner = make_customer(gateway, "0")
    unit, cash = make_tokens(gateway, owner, 150, 150_001), make_lot(gateway, owner)
    cap_id = make_cap(gateway, owner, 10**9)
    job_id = make_job(gateway, owner)
    started = start_one(gateway, job_id)
    let_pass(gateway, job_id, "deadline_at", TOO_LATE_S)
    lapse(gateway, job_id)
    sweep(gateway)
    settle_one(gateway, started, answer())
    assert standing(gateway, job_id)[0] == "expired"
    assert {part.lot_id for part in started.hold.parts} == {unit, cash}
    assert (tokens_of(gateway, unit), window(gateway, cap_id)) == ((0, 0, 0), (0, 0))
    assert money(gateway, owner) == (0, 0)


def test_a_call_that_runs_past_the_deadline_is_paid(gateway: Gateway, customer: Customer) -> None:
    """While a worker carries a job its hold is kept: the sweeper leaves it alone."""
    job_id = make_job(gateway, customer)
    started = start_one(gateway, job_id)
    let_pass(gateway, job_id, "deadline_at", TOO_LATE_S)
    assert sweep(gateway) == 0
    assert money(gateway, customer) == (HOLD_NANOS, 0)
    settle_one(gateway, started, answer())
    assert standing(gateway, job_id)[0] == "succeeded"


def test_a_start_that_comes_too_late_may_be_cut_off_anywhere(
    gateway: Gateway, open_another: Open, customer: Customer, late: str
) -> None:
    """Whichever statement its worker dies before, the job waits on and the book is right."""
    change(gateway, "UPDATE jobs SET run_at = now()")
    killer = open_another()
    for before in range(STATEMENTS):
        with cut(gateway, killer, before=before), pytest.raises(DBAPIError):
            start(gateway, [late], WORKER)
        assert standing(gateway, late)[0] in {"queued", "waiting"}
        assert read.examine(gateway) == []
    sweep(gateway)
    assert money(gateway, customer) == (0, 0)
