"""Only the worker that holds the lease settles, and only once."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from app.domain.attempt import FailureKind, Interrupted, Outcome
from app.gateway import Gateway
from app.services.keeping.sweep import sweep
from app.services.settle import Finished, settle
from app.services.start import Started
from tests.factories import (
    Customer,
    answer,
    failure,
    make_job,
    read_job,
    settle_one,
    start_one,
)
from tests.services.book import (
    COST_NANOS,
    HOLD_NANOS,
    attempts,
    captures,
    lapse,
    look,
    money,
    rung,
    silence,
    standing,
)
from tests.services.faults import at_once

OUTCOMES: Sequence[Outcome] = [
    answer(text="late"),
    failure(),
    failure(FailureKind.REJECTED, 400),
    Interrupted(cancelled=True),
    Interrupted(cancelled=False),
]
"""All that a late worker may bring."""


@pytest.mark.parametrize("times", [2, 10])
def test_settling_again_changes_nothing(gateway: Gateway, customer: Customer, times: int) -> None:
    """However often the same answer is settled, it is written and paid once."""
    job_id = make_job(gateway, customer)
    finished = Finished(job=start_one(gateway, job_id), outcome=answer())
    for _ in range(times):
        settle(gateway, [finished])
    assert list(captures(gateway, job_id).values()) == [COST_NANOS]
    assert money(gateway, customer) == (0, COST_NANOS)


def test_settling_twice_in_one_group_pays_once(gateway: Gateway, customer: Customer) -> None:
    """The same answer twice in one transaction is written and paid once."""
    job_id = make_job(gateway, customer)
    finished = Finished(job=start_one(gateway, job_id), outcome=answer())
    settle(gateway, [finished, finished])
    assert list(captures(gateway, job_id).values()) == [COST_NANOS]
    assert money(gateway, customer) == (0, COST_NANOS)


def test_settling_from_many_threads_pays_once(
    gateway: Gateway, open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """The same answer settled by ten threads of two processes at once is paid once."""
    job_id = make_job(gateway, customer)
    finished = Finished(job=start_one(gateway, job_id), outcome=answer())
    workers = [gateway, open_another()]
    at_once(lambda number: settle(workers[number % 2], [finished]), range(10))
    assert money(gateway, customer) == (0, COST_NANOS)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_late_worker_changes_nothing(
    gateway: Gateway, customer: Customer, outcome: Outcome
) -> None:
    """Whatever a worker brings after its job was given to another, the job goes its own way."""
    job_id = make_job(gateway, customer)
    late, current = _late_and_current(gateway, job_id)
    silence(gateway)
    settle_one(gateway, late, outcome)
    assert standing(gateway, job_id) == ("running", None, 2)
    assert attempts(gateway, job_id) == ["lost", "open"]
    assert money(gateway, customer) == (HOLD_NANOS, 0)
    assert rung(gateway) == []
    settle_one(gateway, current, answer(text="current"))
    assert b"current" in (read_job(gateway, customer, job_id).response or b"")


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_worker_later_than_the_end_changes_nothing(
    gateway: Gateway, customer: Customer, outcome: Outcome
) -> None:
    """After another worker's answer was settled, a late one's news is not written anywhere."""
    job_id = make_job(gateway, customer)
    late, current = _late_and_current(gateway, job_id)
    settle_one(gateway, current, answer(text="current"))
    before = _everything(gateway)
    settle_one(gateway, late, outcome)
    assert _everything(gateway) == before


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_late_one_in_the_group_of_its_successor(
    gateway: Gateway, customer: Customer, outcome: Outcome
) -> None:
    """Two attempts of one job that end in one group: only the one with the lease is written."""
    job_id = make_job(gateway, customer)
    late, current = _late_and_current(gateway, job_id)
    settle(
        gateway,
        [
            Finished(job=late, outcome=outcome),
            Finished(job=current, outcome=answer(text="current")),
        ],
    )
    assert standing(gateway, job_id) == ("succeeded", None, 2)
    assert attempts(gateway, job_id) == ["lost", "succeeded"]
    assert b"current" in (read_job(gateway, customer, job_id).response or b"")
    assert money(gateway, customer) == (0, COST_NANOS)


def test_a_late_one_spares_the_others_of_its_group(gateway: Gateway, customer: Customer) -> None:
    """In a group with a late answer the others are settled as ever."""
    lost, good = make_job(gateway, customer), make_job(gateway, customer)
    late, _ = _late_and_current(gateway, lost)
    finished = [
        Finished(job=late, outcome=answer()),
        Finished(job=start_one(gateway, good), outcome=answer()),
    ]
    settle(gateway, finished)
    assert standing(gateway, good) == ("succeeded", None, 1)
    assert standing(gateway, lost) == ("running", None, 2)


def test_a_late_answer_is_counted_as_absorbed(gateway: Gateway, customer: Customer) -> None:
    """An answer that the provider made and nobody pays for shows in the metrics."""
    late, _ = _late_and_current(gateway, make_job(gateway, customer))
    before = _absorbed()
    settle_one(gateway, late, failure())
    assert _absorbed() == before
    settle_one(gateway, late, answer())
    assert _absorbed() == before + 1


def test_the_token_is_the_attempt(gateway: Gateway, customer: Customer) -> None:
    """A settlement that names an attempt the job has not had is as void as a late one."""
    job_id = make_job(gateway, customer)
    started = start_one(gateway, job_id)
    settle_one(gateway, replace(started, attempt=2), answer())
    assert standing(gateway, job_id) == ("running", None, 1)


def test_a_lapsed_lease_that_nobody_took_still_settles(
    gateway: Gateway, customer: Customer
) -> None:
    """An answer that comes after the lease, but before the sweeper, is not thrown away."""
    job_id = make_job(gateway, customer)
    started = start_one(gateway, job_id)
    lapse(gateway, job_id)
    settle_one(gateway, started, answer())
    assert standing(gateway, job_id) == ("succeeded", None, 1)


def _late_and_current(gateway: Gateway, job_id: str) -> tuple[Started, Started]:
    late = start_one(gateway, job_id)
    lapse(gateway, job_id)
    sweep(gateway)
    return late, start_one(gateway, job_id, "tests:2:worker_2")


def _everything(gateway: Gateway) -> list[object]:
    tables = ("jobs", "job_payloads", "attempts", "holds", "hold_lots", "lots", "transfers")
    return [look(gateway, f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


def _absorbed() -> float:
    return REGISTRY.get_sample_value("busbar_answers_absorbed_total") or 0.0
