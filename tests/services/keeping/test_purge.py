"""What is deleted by its age, and what never is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.job import JobState
from app.gateway import Gateway
from app.services.keeping.sweep import IDEMPOTENCY_S, purge, sweep
from app.store.keeping.purge import BODY_BYTES_MAX, ROWS_MAX
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
from tests.services.book import change, copies, look, states

Open = Callable[..., Gateway]

ENDED = "UPDATE jobs SET state = 'cancelled', finished_at = now()"


def test_old_bodies_of_finished_jobs_go(open_another: Open, customer: Customer) -> None:
    """Question and answer are deleted past their age; the job and its cost stay readable."""
    gateway = open_another(payload_days=2)
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert purge(_in_days(gateway, 2.01)) == 2
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.response) == (JobState.SUCCEEDED, None)
    assert job.cost_nanos


def test_young_bodies_stay(open_another: Open, customer: Customer) -> None:
    """A body within its age is kept."""
    gateway = open_another(payload_days=2)
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert purge(_in_days(gateway, 1.99)) == 0
    assert read_job(gateway, customer, job_id).response == answer().body


@pytest.mark.parametrize("runs", [False, True])
def test_bodies_of_unfinished_jobs_stay(
    gateway: Gateway, customer: Customer, *, runs: bool
) -> None:
    """However old, a body that is still needed is not deleted."""
    job_id = make_job(gateway, customer)
    if runs:
        start_one(gateway, job_id)
    assert purge(_in_days(gateway, 400)) == 0


@pytest.mark.parametrize("days", [400, -400])
def test_a_wrong_clock_deletes_nothing(gateway: Gateway, customer: Customer, days: int) -> None:
    """A leader whose clock is far ahead, or a submitter whose clock is behind, costs no answer."""
    submitter = _ahead(gateway, min(days, 0))
    job_id = make_job(submitter, customer)
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert purge(_ahead(gateway, max(days, 0))) == 0
    assert read_job(gateway, customer, job_id).response == answer().body


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
    copies(gateway, make_job(gateway, customer), ROWS_MAX + 9)
    change(gateway, ENDED)
    later = _in_days(gateway, 400)
    assert [purge(later) for _ in range(3)] == [ROWS_MAX, 10, 0]
    assert states(gateway) == {"cancelled": ROWS_MAX + 10}


def test_a_heap_goes_as_fast_as_it_grows(gateway: Gateway, customer: Customer) -> None:
    """Every sweep, which is once a second, takes a step, not one sweep of many."""
    copies(gateway, make_job(gateway, customer), ROWS_MAX + 9)
    change(gateway, ENDED)
    later = _in_days(gateway, 400)
    for _ in range(2):
        sweep(later)
    assert look(gateway, "SELECT 1 FROM job_payloads") == []


def test_large_bodies_go_in_smaller_steps(gateway: Gateway, customer: Customer) -> None:
    """A step is bounded by what it deletes too, so that it never takes long."""
    copies(gateway, make_job(gateway, customer), 8)
    large = "UPDATE job_payloads SET body = convert_to(repeat('x', :n), 'UTF8')"
    change(gateway, large, n=BODY_BYTES_MAX // 6)
    change(gateway, ENDED)
    later = _in_days(gateway, 400)
    assert [purge(later) for _ in range(3)] == [7, 2, 0]


def test_what_is_still_needed_does_not_stand_in_the_way(
    gateway: Gateway, customer: Customer
) -> None:
    """Behind more unfinished jobs than a step looks at, finished ones are found by the next."""
    ids = copies(gateway, make_job(gateway, customer), ROWS_MAX + 9)
    change(gateway, f"{ENDED} WHERE id = ANY(:ids)", ids=ids[-3:])
    later = _in_days(gateway, 400)
    assert [purge(later) for _ in range(4)] == [0, 3, 0, 0]


def test_the_book_is_never_purged(gateway: Gateway, customer: Customer) -> None:
    """Transfers, holds and lots stay, whatever their age."""
    settle_one(gateway, start_one(gateway, make_job(gateway, customer)), answer())
    purge(_in_days(gateway, 4_000))
    for table in ("transfers", "holds", "hold_lots", "lots", "attempts"):
        assert look(gateway, f"SELECT 1 FROM {table}") != []


def _in_days(gateway: Gateway, days: float) -> Gateway:
    """The same gateway, so many days from now, for its database as well."""
    aged = "UPDATE jobs SET created_at = created_at - make_interval(secs => :s)"
    change(gateway, aged, s=days * 86_400)
    return _ahead(gateway, days)


def _ahead(gateway: Gateway, days: float) -> Gateway:
    """The same gateway in a process whose clock is so many days ahead of the database's."""
    return replace(gateway, now=lambda: datetime.now(UTC) + timedelta(days=days))


def _age_keys(gateway: Gateway, seconds: float) -> None:
    moved = "UPDATE idempotency_keys SET created_at = created_at - make_interval(secs => :s)"
    assert change(gateway, moved, s=seconds)
