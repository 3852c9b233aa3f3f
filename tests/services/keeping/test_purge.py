"""What is deleted by its age, and what never is."""

from collections.abc import Callable

import pytest

from app.domain.job import JobState
from app.gateway import Gateway
from app.services.keeping.sweep import DAY_S, IDEMPOTENCY_S, ROWS_MAX, purge
from tests.factories import (
    Customer,
    answer,
    make_draft,
    make_job,
    read_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import change, look, states

Open = Callable[..., Gateway]


def test_old_bodies_of_finished_jobs_go(open_another: Open, customer: Customer) -> None:
    """Question and answer are deleted past their age; the job and its cost stay readable."""
    gateway = open_another(payload_days=2)
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), answer())
    _age_bodies(gateway, 2 * DAY_S + 1)
    assert purge(gateway) == 2
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.response) == (JobState.SUCCEEDED, None)
    assert job.cost_nanos


def test_young_bodies_stay(open_another: Open, customer: Customer) -> None:
    """A body within its age is kept."""
    gateway = open_another(payload_days=2)
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), answer())
    _age_bodies(gateway, 2 * DAY_S - 60)
    assert purge(gateway) == 0
    assert read_job(gateway, customer, job_id).response == answer().body


@pytest.mark.parametrize("runs", [False, True])
def test_bodies_of_unfinished_jobs_stay(
    gateway: Gateway, customer: Customer, *, runs: bool
) -> None:
    """However old, a body that is still needed is not deleted."""
    job_id = make_job(gateway, customer)
    if runs:
        start_one(gateway, job_id)
    _age_bodies(gateway, 400 * DAY_S)
    assert purge(gateway) == 0


def test_old_idempotency_keys_go(gateway: Gateway, customer: Customer) -> None:
    """After a day a key may be used again, for another request."""
    submit(gateway, customer, [make_draft(gateway, customer)], idempotency_key="old")
    _age_keys(gateway, IDEMPOTENCY_S + 1)
    submit(gateway, customer, [make_draft(gateway, customer)], idempotency_key="young")
    assert purge(gateway) == 1
    other = make_draft(gateway, customer, text="Another question.")
    assert not submit(gateway, customer, [other], idempotency_key="old").replayed
    assert submit(
        gateway, customer, [make_draft(gateway, customer)], idempotency_key="young"
    ).replayed


def test_a_great_heap_goes_in_steps(gateway: Gateway, customer: Customer) -> None:
    """Each purge deletes a bounded number of rows, the next ones the rest."""
    new = [make_draft(gateway, customer) for _ in range(ROWS_MAX + 10)]
    submit(gateway, customer, new)
    change(gateway, "UPDATE jobs SET state = 'cancelled', finished_at = now()")
    _age_bodies(gateway, 400 * DAY_S)
    assert [purge(gateway) for _ in range(3)] == [ROWS_MAX, 10, 0]
    assert states(gateway) == {"cancelled": ROWS_MAX + 10}


def test_the_book_is_never_purged(gateway: Gateway, customer: Customer) -> None:
    """Transfers, holds and lots stay, whatever their age."""
    settle_one(gateway, start_one(gateway, make_job(gateway, customer)), answer())
    _age_bodies(gateway, 4_000 * DAY_S)
    purge(gateway)
    for table in ("transfers", "holds", "hold_lots", "lots", "attempts"):
        assert look(gateway, f"SELECT 1 FROM {table}") != []


def _age_bodies(gateway: Gateway, seconds: float) -> None:
    moved = "UPDATE job_payloads SET created_at = created_at - make_interval(secs => :s)"
    assert change(gateway, moved, s=seconds)


def _age_keys(gateway: Gateway, seconds: float) -> None:
    moved = "UPDATE idempotency_keys SET created_at = created_at - make_interval(secs => :s)"
    assert change(gateway, moved, s=seconds)
