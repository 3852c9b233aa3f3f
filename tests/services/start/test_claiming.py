"""T2: who may be started, and what a start leaves in the rows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.attempt import Interrupted
from app.domain.job import Lane
from app.domain.pricing import Price
from app.gateway import Gateway
from app.services.cancel import cancel
from app.services.keeping.sweep import sweep
from app.services.settle import Finished, settle
from app.services.start import Starts, start
from app.services.starting.refusing import UNKNOWN_FIRST_S, UNKNOWN_MAX_S
from tests.factories import (
    WORKER,
    Customer,
    answer,
    make_customer,
    make_draft,
    make_job,
    read_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import (
    COST_NANOS,
    HOLD_NANOS,
    at_price,
    attempts,
    change,
    drawing,
    hold_of,
    job_row,
    let_pass,
    look,
    money,
    standing,
    without,
)


def test_a_started_job_is_leased_to_its_worker(
    open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """It runs its first attempt, for as long as the lease lasts, and nobody needs to ring again."""
    gateway = open_another(lease_s=17)
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    row = job_row(gateway, job_id)
    assert (row.state, row.attempt, row.attempts, row.worker_id) == ("running", 1, 1, WORKER)
    assert row.leased_until - row.started_at == timedelta(seconds=17)
    assert row.nudged_at is None


def test_what_is_started_carries_all_a_call_needs(gateway: Gateway, customer: Customer) -> None:
    """The first route, the body, the bounds and the time left come along with the job."""
    new = make_draft(gateway, customer, lane=Lane.BATCH, deadline_s=100)
    submit(gateway, customer, [new])
    started = start_one(gateway, new.id)
    assert (started.attempt, started.route.name) == (1, "simulator/sim-medium")
    assert (started.request, started.lane) == (new.request, Lane.BATCH)
    assert (started.input_tokens_max, started.output_tokens_max) == (109, 100)
    assert 90 < started.left_s < 100


def test_the_hold_is_the_bound_at_the_price(gateway: Gateway, customer: Customer) -> None:
    """What the job may cost at most is set aside on the account's lot, and nothing is spent."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    assert hold_of(gateway, job_id) == ("open", HOLD_NANOS, 0)
    assert money(gateway, customer) == (HOLD_NANOS, 0)


def test_an_attempt_is_opened_on_its_route(gateway: Gateway, customer: Customer) -> None:
    """The attempt row says which provider and model the call goes to."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    (row,) = look(gateway, "SELECT * FROM attempts WHERE job_id = :id", id=job_id)
    assert (row.number, row.provider, row.model) == (1, "simulator", "sim-medium")
    assert (row.state, row.finished_at) == ("open", None)


def test_a_running_job_cannot_be_started(gateway: Gateway, customer: Customer) -> None:
    """A second message for the same job finds nothing to do."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    second = start(gateway, [job_id], "tests:2:worker_2")
    assert (second.started, second.ended) == ((), ())
    assert job_row(gateway, job_id).worker_id == WORKER


def test_a_finished_job_cannot_be_started(gateway: Gateway, customer: Customer) -> None:
    """A late message for a job that is over changes nothing."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert start(gateway, [job_id], WORKER).started == ()
    assert standing(gateway, job_id) == ("succeeded", None, 1)


def test_a_cancelled_job_cannot_be_started(gateway: Gateway, customer: Customer) -> None:
    """Once cancelled, no message brings a job back."""
    job_id = make_job(gateway, customer)
    cancel(gateway, customer.caller, job_id)
    assert start(gateway, [job_id], WORKER).started == ()


def test_a_job_is_not_started_before_its_time(gateway: Gateway, customer: Customer) -> None:
    """A job that waits for its run_at is left alone until then."""
    job_id = make_job(gateway, customer)
    let_pass(gateway, job_id, "run_at", -60)
    assert start(gateway, [job_id], WORKER).started == ()
    let_pass(gateway, job_id, "run_at", 60)
    assert start_one(gateway, job_id).attempt == 1


def test_ids_that_do_not_exist_are_passed_over(gateway: Gateway, customer: Customer) -> None:
    """A message with strange ids starts those that are jobs."""
    job_id = make_job(gateway, customer)
    starts = start(gateway, ["job_none", job_id, "", "💥"], WORKER)
    assert [job.id for job in starts.started] == [job_id]


def test_the_same_id_twice_is_one_job(gateway: Gateway, customer: Customer) -> None:
    """An id that comes twice in one group is started once."""
    job_id = make_job(gateway, customer)
    assert len(start(gateway, [job_id, job_id], WORKER).started) == 1
    assert attempts(gateway, job_id) == ["open"]


def test_a_job_past_its_deadline_expires(gateway: Gateway, customer: Customer) -> None:
    """It ends instead of starting: no hold, no attempt, 504."""
    job_id = make_job(gateway, customer, deadline_s=5)
    let_pass(gateway, job_id, "deadline_at", 6)
    assert start(gateway, [job_id], WORKER).ended == (job_id,)
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.attempts, job.status_code) == ("expired", 0, 504)
    assert job.error is not None
    assert job.error.code == "deadline_passed"
    assert money(gateway, customer) == (0, 0)


def test_an_expired_job_gives_back_its_hold(gateway: Gateway, customer: Customer) -> None:
    """A job too late that has a hold of an earlier attempt is left to the sweep, which ends it."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), Interrupted(cancelled=False))
    let_pass(gateway, job_id, "deadline_at", 86_401)
    assert start(gateway, [job_id], WORKER) == Starts(started=(), ended=())
    sweep(gateway)
    assert standing(gateway, job_id) == ("expired", None, 0)
    assert hold_of(gateway, job_id) == ("released", HOLD_NANOS, 0)
    assert money(gateway, customer) == (0, 0)


def test_an_unknown_instrument_is_left_to_others(gateway: Gateway, customer: Customer) -> None:
    """A worker with an older catalog puts the job back, uncounted; one that knows it starts it."""
    job_id = make_job(gateway, customer)
    old = without(gateway, "text-prime")
    starts = start(old, [job_id], WORKER)
    assert (starts.started, starts.ended) == ((), ())
    assert standing(gateway, job_id) == ("waiting", "capacity", 0)
    assert money(gateway, customer) == (0, 0)
    let_pass(gateway, job_id, "run_at", 2 * UNKNOWN_FIRST_S)
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert standing(gateway, job_id) == ("succeeded", None, 1)


def test_an_instrument_nobody_knows_is_asked_for_ever_more_rarely(
    gateway: Gateway, customer: Customer
) -> None:
    """Jobs of an instrument that is gone for good do not keep the workers busy."""
    job_id = make_job(gateway, customer)
    old = replace(without(gateway, "text-prime"), entropy=drawing(0))
    waits = []
    for _ in range(10):
        start(old, [job_id], WORKER)
        (row,) = look(gateway, "SELECT extract(epoch FROM run_at - now())::float AS s FROM jobs")
        waits.append(row.s)
        let_pass(gateway, job_id, "run_at", 1_000)
    assert waits[:3] == pytest.approx([2, 4, 8], abs=0.5)
    assert waits[-1] == pytest.approx(UNKNOWN_MAX_S, abs=0.5)


def test_an_unknown_instrument_is_put_back_until_the_deadline(
    gateway: Gateway, customer: Customer
) -> None:
    """It expires then, like any job nobody could carry in time, and its hold is given back."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), Interrupted(cancelled=False))
    old = without(gateway, "text-prime")
    start(old, [job_id], WORKER)
    assert money(gateway, customer) == (HOLD_NANOS, 0)
    let_pass(gateway, job_id, "deadline_at", 86_401)
    sweep(old)
    assert standing(gateway, job_id) == ("expired", None, 0)
    assert money(gateway, customer) == (0, 0)


@pytest.mark.parametrize("others", [0, 2])
def test_a_job_without_a_body_fails(gateway: Gateway, customer: Customer, others: int) -> None:
    """A job whose body is gone cannot be called for, and ends; it holds nothing."""
    job_id = make_job(gateway, customer)
    good = [make_job(gateway, customer) for _ in range(others)]
    change(gateway, "DELETE FROM job_payloads WHERE job_id = :id", id=job_id)
    assert start(gateway, [job_id, *good], WORKER).ended == (job_id,)
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.attempts, job.status_code) == ("failed", 0, 404)
    assert job.error is not None
    assert "body is gone" in job.error.message
    assert money(gateway, customer) == (others * HOLD_NANOS, 0)


@pytest.mark.parametrize("number", [1, 3])
def test_a_free_instrument_needs_no_balance(gateway: Gateway, number: int) -> None:
    """At a price of nothing an account without a lot runs, and is settled at nothing."""
    free = at_price(gateway, Price(input_nanos=0, output_nanos=0))
    poor = make_customer(free, "0")
    ids = [make_job(free, poor) for _ in range(number)]
    started = start(free, ids, WORKER).started
    assert all(job.request for job in started)
    settle(free, [Finished(job=job, outcome=answer()) for job in started])
    for job_id in ids:
        assert hold_of(free, job_id) == ("captured", 0, 0)
        assert read_job(free, poor, job_id).cost_nanos == 0


def test_a_free_instrument_is_retried_like_any_other(gateway: Gateway, customer: Customer) -> None:
    """A hold of nothing, over no lots, is found again by the next attempt."""
    free = at_price(gateway, Price(input_nanos=0, output_nanos=0))
    job_id = make_job(free, customer)
    settle_one(free, start_one(free, job_id), Interrupted(cancelled=False))
    settle_one(free, start_one(free, job_id), answer())
    assert attempts(free, job_id) == ["interrupted", "succeeded"]
    assert money(free, customer) == (0, 0)


def test_a_new_price_does_not_touch_a_hold_that_stands(
    gateway: Gateway, customer: Customer
) -> None:
    """A job is settled at the price it was started at first, whatever the catalog says since."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), Interrupted(cancelled=False))
    dearer = at_price(gateway, Price(input_nanos=10**12, output_nanos=10**12))
    started = start_one(dearer, job_id)
    assert started.hold.nanos == HOLD_NANOS
    settle_one(dearer, started, answer())
    assert read_job(gateway, customer, job_id).cost_nanos == COST_NANOS


@pytest.mark.parametrize("others", [0, 1, 5])
def test_a_group_starts_whoever_can(gateway: Gateway, customer: Customer, others: int) -> None:
    """One that ends and one that waits do not keep the others of their group from starting."""
    late = make_job(gateway, customer, deadline_s=1)
    let_pass(gateway, late, "deadline_at", 2)
    poor = make_job(gateway, make_customer(gateway, "0"))
    good = [make_job(gateway, customer) for _ in range(others)]
    starts = start(gateway, [late, *good, poor], WORKER)
    assert {job.id for job in starts.started} == set(good)
    assert starts.ended == (late,)
    assert standing(gateway, poor) == ("waiting", "balance", 0)
