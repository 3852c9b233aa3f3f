"""Whoever dies, and wherever on the walk: the job ends, is paid once, and the book is right.

The doctor looks at the book after each of these tests, as after all tests of the services.
"""

from collections.abc import Callable

from app.domain.job import Lane
from app.gateway import Gateway
from app.services.keeping.dispatch import dispatch
from app.services.keeping.sweep import sweep
from app.services.settle import Finished, settle
from app.services.start import Started, start
from tests.factories import (
    WORKER,
    Customer,
    answer,
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
    attempts,
    hold_of,
    lapse,
    look,
    money,
    rung,
    silence,
    standing,
    states,
)
from tests.services.crashes.steps import carry, is_paid_once, keep, left_behind
from tests.services.faults import NOWHERE, at_once

Open = Callable[..., Gateway]


def test_dying_between_the_row_and_the_message(
    gateway: Gateway, open_another: Open, customer: Customer
) -> None:
    """A submitter that died after T1 left a row nobody rang for: the keeper rings."""
    job_id = make_job(open_another(redis_url=NOWHERE), customer)
    assert rung(gateway) == []
    keep(gateway, job_id)
    assert rung(gateway) == [[job_id]]
    carry(gateway, customer, job_id)


def test_losing_the_message(gateway: Gateway, customer: Customer) -> None:
    """A message that is gone before anybody took it is sent again."""
    job_id = make_job(gateway, customer)
    silence(gateway)
    keep(gateway, job_id)
    assert rung(gateway) == [[job_id]]
    carry(gateway, customer, job_id)


def test_getting_the_message_twice(gateway: Gateway, customer: Customer) -> None:
    """A message that comes once more, while the job runs or after it, changes nothing."""
    job_id = make_job(gateway, customer)
    started = start_one(gateway, job_id)
    assert start(gateway, [job_id], WORKER).started == ()
    settle_one(gateway, started, answer())
    assert start(gateway, [job_id], WORKER).started == ()
    is_paid_once(gateway, customer, job_id)


def test_dying_between_start_and_call(gateway: Gateway, customer: Customer) -> None:
    """A worker that died with the lease is found out; the next attempt answers, on one hold."""
    job_id = make_job(gateway, customer)
    start_one(gateway, job_id)
    lapse(gateway, job_id)
    keep(gateway, job_id)
    assert standing(gateway, job_id)[0] == "queued"
    assert money(gateway, customer) == (HOLD_NANOS, 0)
    carry(gateway, customer, job_id)
    assert attempts(gateway, job_id) == ["lost", "succeeded"]


def test_dying_between_call_and_settlement(gateway: Gateway, customer: Customer) -> None:
    """An answer that died with its worker is asked for again; the buyer pays for one."""
    job_id = make_job(gateway, customer)
    late = Finished(job=start_one(gateway, job_id), outcome=answer(text="first"))
    lapse(gateway, job_id)
    keep(gateway, job_id)
    carry(gateway, customer, job_id)
    settle(gateway, [late])
    is_paid_once(gateway, customer, job_id)
    assert b"first" not in (read_job(gateway, customer, job_id).response or b"")


def test_three_workers_that_die_on_a_job_end_it(gateway: Gateway, customer: Customer) -> None:
    """A job that takes its workers with it fails as worker_lost, and its money goes back."""
    job_id = make_job(gateway, customer)
    for _ in range(3):
        start_one(gateway, job_id)
        lapse(gateway, job_id)
        sweep(gateway)
    job = read_job(gateway, customer, job_id)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.code == "worker_lost"
    assert attempts(gateway, job_id) == ["lost"] * 3
    assert hold_of(gateway, job_id) == ("released", HOLD_NANOS, 0)


def test_two_deaths_are_forgiven(gateway: Gateway, customer: Customer) -> None:
    """A job whose third worker lives is answered and paid like any other."""
    job_id = make_job(gateway, customer)
    for _ in range(2):
        start_one(gateway, job_id)
        lapse(gateway, job_id)
        sweep(gateway)
    carry(gateway, customer, job_id)


def test_sweepers_at_once_move_a_job_once(
    gateway: Gateway, open_another: Open, customer: Customer
) -> None:
    """Four sweepers in two processes count each lost worker once."""
    ids = submit(gateway, customer, [make_draft(gateway, customer) for _ in range(40)]).job_ids
    start(gateway, ids, WORKER)
    lapse(gateway, *ids)
    keepers = [gateway, open_another()]
    assert sum(at_once(lambda number: sweep(keepers[number % 2]), range(4))) == 40
    assert {row.worker_deaths for row in look(gateway, "SELECT worker_deaths FROM jobs")} == {1}


def test_sweeping_twice_is_sweeping_once(gateway: Gateway, customer: Customer) -> None:
    """A second sweep right after the first finds nothing to do."""
    left_behind(gateway, customer)
    assert sweep(gateway) == 2
    assert sweep(gateway) == 0


def test_a_batch_whose_every_worker_dies_once(gateway: Gateway, customer: Customer) -> None:
    """100 lines, each started, lost, and started again, are each answered and paid once."""
    new = [make_draft(gateway, customer, lane=Lane.BATCH) for _ in range(100)]
    ids = submit(gateway, customer, new).job_ids
    late = start(gateway, ids, WORKER).started
    lapse(gateway, *ids)
    sweep(gateway)
    dispatch(gateway)
    assert sorted(job_id for message in rung(gateway, Lane.BATCH) for job_id in message) == sorted(
        ids
    )
    _settle_all(gateway, start(gateway, ids, "tests:2:worker_2").started)
    _settle_all(gateway, late)
    assert states(gateway) == {"succeeded": 100}
    assert money(gateway, customer) == (0, 100 * COST_NANOS)


def _settle_all(gateway: Gateway, started: tuple[Started, ...]) -> None:
    settle(gateway, [Finished(job=job, outcome=answer()) for job in started])
