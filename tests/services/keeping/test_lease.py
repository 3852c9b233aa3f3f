"""Leases of jobs in flight."""

from collections.abc import Callable
from datetime import timedelta

from app.domain.job import Lane
from app.gateway import Gateway
from app.services.keeping import lease
from app.services.keeping.sweep import sweep
from app.services.start import start
from tests.factories import (
    WORKER,
    Customer,
    answer,
    make_draft,
    make_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import job_row, lapse, let_pass, standing

Open = Callable[..., Gateway]


def test_a_beat_extends_all_leases(open_another: Open, customer: Customer) -> None:
    """One statement gives every job of the worker a whole lease again."""
    gateway = open_another(lease_s=100)
    new = [make_draft(gateway, customer) for _ in range(20)]
    started = start(gateway, submit(gateway, customer, new).job_ids, WORKER).started
    for job in started:
        let_pass(gateway, job.id, "leased_until", 90)
    assert lease.extend(gateway, [(job.id, job.attempt) for job in started]) == set()
    for job in started:
        row = job_row(gateway, job.id)
        assert row.leased_until - row.started_at > timedelta(seconds=99)


def test_a_beat_in_time_keeps_the_sweeper_off(gateway: Gateway, customer: Customer) -> None:
    """A lease that had run out already, but was not swept, is the worker's again."""
    started = start_one(gateway, make_job(gateway, customer))
    lapse(gateway, started.id)
    assert lease.extend(gateway, [(started.id, started.attempt)]) == set()
    assert sweep(gateway) == 0


def test_a_beat_for_a_lost_job_says_so(gateway: Gateway, customer: Customer) -> None:
    """A worker learns which of its jobs another one has now, and does not extend them."""
    kept = start_one(gateway, make_job(gateway, customer))
    lost = start_one(gateway, make_job(gateway, customer))
    lapse(gateway, lost.id)
    sweep(gateway)
    start_one(gateway, lost.id, "tests:2:worker_2")
    let_pass(gateway, lost.id, "leased_until", 10)
    until = job_row(gateway, lost.id).leased_until
    assert lease.extend(gateway, [(kept.id, 1), (lost.id, 1)]) == {lost.id}
    assert job_row(gateway, lost.id).leased_until == until


def test_two_attempts_of_one_job_in_one_worker(gateway: Gateway, customer: Customer) -> None:
    """A worker that got its own lost job back keeps the new attempt."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    lapse(gateway, job_id)
    sweep(gateway)
    start_one(gateway, job_id)
    let_pass(gateway, job_id, "leased_until", 10)
    before = job_row(gateway, job_id).leased_until
    lease.extend(gateway, [(job_id, 1), (job_id, 2)])
    assert job_row(gateway, job_id).leased_until > before


def test_a_settled_job_is_not_extended(gateway: Gateway, customer: Customer) -> None:
    """A beat that comes after the settlement does not bring the job back."""
    started = start_one(gateway, make_job(gateway, customer))
    settle_one(gateway, started, answer())
    assert lease.extend(gateway, [(started.id, started.attempt)]) == {started.id}
    assert standing(gateway, started.id) == ("succeeded", None, 1)


def test_a_worker_with_nothing_asks_nothing(gateway: Gateway) -> None:
    """Without calls in flight there is no lease to extend."""
    assert lease.extend(gateway, []) == set()


def test_due_jobs_straight_from_the_rows(gateway: Gateway, customer: Customer) -> None:
    """Without the bus a worker finds due jobs of its lane, oldest first, nudged or not."""
    ids = sorted(
        submit(gateway, customer, [make_draft(gateway, customer) for _ in range(4)]).job_ids
    )
    batch = make_job(gateway, customer, lane=Lane.BATCH)
    let_pass(gateway, ids[3], "run_at", 60)
    let_pass(gateway, ids[0], "run_at", -60)
    start_one(gateway, ids[1])
    assert lease.due(gateway, Lane.INTERACTIVE, 10) == [ids[3], ids[2]]
    assert lease.due(gateway, Lane.INTERACTIVE, 1) == [ids[3]]
    assert lease.due(gateway, Lane.BATCH, 10) == [batch]
