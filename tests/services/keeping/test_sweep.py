"""The sweeper: lapsed leases, passed deadlines, nudges nobody answered."""

from collections.abc import Callable

import pytest

from app.domain.attempt import Interrupted
from app.domain.job import Lane
from app.gateway import Gateway
from app.services.cancel import cancel
from app.services.keeping.dispatch import dispatch
from app.services.keeping.sweep import ROWS_MAX, STALE_FACTOR, sweep
from app.services.start import start
from app.store.queue import WORKER_DEATHS_MAX
from tests.factories import (
    WORKER,
    Customer,
    failure,
    make_customer,
    make_draft,
    make_job,
    read_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import (
    HOLD_NANOS,
    attempts,
    change,
    hold_of,
    job_row,
    lapse,
    let_pass,
    money,
    rung,
    silence,
    standing,
    states,
    with_routes,
)
from tests.services.faults import NOWHERE


def test_a_lapsed_lease_frees_the_job(gateway: Gateway, customer: Customer) -> None:
    """A job of a quiet worker is queued again, its attempt lost, its hold kept."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    lapse(gateway, job_id)
    assert sweep(gateway) == 1
    row = job_row(gateway, job_id)
    assert (row.state, row.worker_id, row.nudged_at, row.worker_deaths) == ("queued", None, None, 1)
    assert attempts(gateway, job_id) == ["lost"]
    assert hold_of(gateway, job_id) == ("open", HOLD_NANOS, 0)


def test_a_lease_that_lasts_is_left_alone(gateway: Gateway, customer: Customer) -> None:
    """A job that a living worker carries is not touched."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    assert sweep(gateway) == 0
    assert standing(gateway, job_id) == ("running", None, 1)


def test_a_lost_attempt_counts(gateway: Gateway, customer: Customer) -> None:
    """An attempt whose worker died was an attempt, though no failure of its route."""
    job_id = make_job(gateway, customer)
    first = start_one(gateway, job_id)
    lapse(gateway, job_id)
    sweep(gateway)
    second = start_one(gateway, job_id)
    assert standing(gateway, job_id) == ("running", None, 2)
    assert second.route == first.route


def test_a_death_too_many_ends_the_job(gateway: Gateway, customer: Customer) -> None:
    """The last death the job may cost ends it, and wakes whoever waits with the reason."""
    job_id = make_job(gateway, customer)
    change(gateway, "UPDATE jobs SET worker_deaths = :n", n=WORKER_DEATHS_MAX - 1)
    start_one(gateway, job_id)
    lapse(gateway, job_id)
    sweep(gateway)
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.finished_at is not None) == ("failed", True)
    assert job.error is not None
    assert "Three workers died" in job.error.message
    assert money(gateway, customer) == (0, 0)


def test_a_cancelled_job_of_a_dead_worker_is_cancelled(
    gateway: Gateway, customer: Customer
) -> None:
    """The wish to cancel outlives the worker that should have carried it out."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    cancel(gateway, customer.caller, job_id)
    lapse(gateway, job_id)
    sweep(gateway)
    assert standing(gateway, job_id) == ("cancelled", None, 1)
    assert money(gateway, customer) == (0, 0)


def test_a_late_job_of_a_dead_worker_expires(gateway: Gateway, customer: Customer) -> None:
    """A job whose deadline passed with its worker is not tried again."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    let_pass(gateway, job_id, "deadline_at", 86_401)
    lapse(gateway, job_id)
    sweep(gateway)
    assert standing(gateway, job_id) == ("expired", None, 1)
    assert money(gateway, customer) == (0, 0)


@pytest.mark.parametrize("way", ["queued", "waiting balance", "waiting backoff"])
def test_a_deadline_ends_whoever_waits(gateway: Gateway, customer: Customer, way: str) -> None:
    """A job that waits past its deadline ends: expired, or failed for the lack of balance."""
    owner = make_customer(gateway, "0") if way == "waiting balance" else customer
    job_id = make_job(gateway, owner)
    if way == "waiting balance":
        start(gateway, [job_id], WORKER)
    elif way == "waiting backoff":
        settle_one(with_routes(gateway, 1), start_one(gateway, job_id), failure())
    assert states(gateway) == {way: 1}
    let_pass(gateway, job_id, "deadline_at", 86_401)
    assert sweep(gateway) == 1
    job = read_job(gateway, owner, job_id)
    assert job.error is not None
    ends = {"waiting balance": ("failed", "insufficient_balance")}
    assert (job.state, job.error.code) == ends.get(way, ("expired", "deadline_passed"))
    assert job.reason is None
    assert money(gateway, owner) == (0, 0)


def test_a_running_job_is_not_expired(gateway: Gateway, customer: Customer) -> None:
    """A deadline that passes in a call is its worker's business."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    let_pass(gateway, job_id, "deadline_at", 86_401)
    assert sweep(gateway) == 0
    assert standing(gateway, job_id) == ("running", None, 1)


def test_a_nudge_that_nobody_answered_is_forgotten(
    open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """On an empty queue a nudge older than the settings say was lost, and is made again."""
    gateway = open_another(nudge_stale_s=100)
    job_id = make_job(gateway, customer)
    silence(gateway)
    let_pass(gateway, job_id, "nudged_at", 70)
    assert (sweep(gateway), dispatch(gateway), rung(gateway)) == (0, 0, [])
    let_pass(gateway, job_id, "nudged_at", 31)
    assert (sweep(gateway), dispatch(gateway), rung(gateway)) == (1, 1, [[job_id]])


def test_a_nudge_behind_others_has_more_time(
    open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """While the batch queue holds messages a nudge on it counts as lost only after much longer."""
    gateway = open_another(nudge_stale_s=100)
    job_id = make_job(gateway, customer, lane=Lane.BATCH)
    dispatch(gateway)
    let_pass(gateway, job_id, "nudged_at", 100 * STALE_FACTOR - 30)
    assert sweep(gateway) == 0
    let_pass(gateway, job_id, "nudged_at", 31)
    assert sweep(gateway) == 1


def test_somebody_who_waits_does_not_wait_for_the_queue(
    open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """A lost nudge of the interactive lane is made again in time, however busy its queue is."""
    gateway = open_another(nudge_stale_s=100)
    job_id = make_job(gateway, customer)
    silence(gateway)
    make_job(gateway, customer)
    let_pass(gateway, job_id, "nudged_at", 101)
    assert (sweep(gateway), dispatch(gateway)) == (1, 1)
    assert [job_id] in rung(gateway)


def test_a_nudge_is_forgotten_while_redis_is_down(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """A bus that cannot be asked counts as empty; jobs are marked for the time it is back."""
    job_id = make_job(gateway, customer)
    let_pass(gateway, job_id, "nudged_at", 60)
    assert sweep(open_another(redis_url=NOWHERE)) == 1
    assert job_row(gateway, job_id).nudged_at is None


def test_a_job_that_runs_has_no_nudge_to_forget(gateway: Gateway, customer: Customer) -> None:
    """A claim answers the nudge, so a running job is never rung for."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    silence(gateway)
    change(gateway, "UPDATE jobs SET run_at = run_at - interval '1 day'")
    assert (sweep(gateway), dispatch(gateway), rung(gateway)) == (0, 0, [])


def test_a_great_mess_is_swept_in_steps(gateway: Gateway, customer: Customer) -> None:
    """Each sweep moves a bounded number of jobs, and the next ones the rest."""
    count = ROWS_MAX + 20
    new = [make_draft(gateway, customer, lane=Lane.BATCH) for _ in range(count)]
    ids = submit(gateway, customer, new).job_ids
    start(gateway, ids, WORKER)
    lapse(gateway, *ids)
    assert [sweep(gateway) for _ in range(3)] == [ROWS_MAX, 20, 0]
    assert states(gateway) == {"queued": count}


def test_a_finished_job_is_never_swept(gateway: Gateway, customer: Customer) -> None:
    """A final state is final, however old its times are."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), Interrupted(cancelled=True))
    for column in ("deadline_at", "run_at", "finished_at", "created_at"):
        let_pass(gateway, job_id, column, 1e7)
    assert sweep(gateway) == 0
    assert standing(gateway, job_id) == ("cancelled", None, 1)
