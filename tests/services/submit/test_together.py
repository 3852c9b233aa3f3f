"""Group commit at the submit door."""

from collections.abc import Callable

import pytest

from app.domain.errors import DatabaseUnavailable
from app.domain.job import NewJob
from app.gateway import Gateway
from app.services.submit import Submission, Submitted, submitter
from tests.factories import Customer, make_draft
from tests.services.book import rung, states
from tests.services.faults import counted, hurried, in_groups, slow

CALLERS = 64
TRANSACTIONS_MAX = 8


def door_of(gateway: Gateway, customer: Customer) -> Callable[[NewJob], Submitted]:
    """Return a way to submit one job through a door that all callers share."""
    door = submitter(gateway)

    def send(job: NewJob) -> Submitted:
        return door(
            Submission(
                key_id=customer.caller.key_id,
                fingerprint=b"",
                idempotency_key=None,
                is_retry=False,
                jobs=(job,),
            )
        )

    return send


def test_callers_that_come_together_share_transactions(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """64 simultaneous submissions are all written and rung for, in far fewer statements."""
    new = [make_draft(gateway, customer) for _ in range(CALLERS)]
    with counted(gateway) as sent:
        outcomes = in_groups(open_another(), door_of(gateway, customer), new)
    assert [outcome.job_ids for outcome in outcomes] == [(job.id,) for job in new]
    assert states(gateway) == {"queued": CALLERS}
    assert len([sql for sql in sent if "INSERT INTO jobs" in sql]) <= TRANSACTIONS_MAX
    assert sorted(job_id for ids in rung(gateway) for job_id in ids) == sorted(
        job.id for job in new
    )


def test_large_requests_go_in_portions(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """Twelve requests of 3 MB make three statements at least, each of 16 MB at most."""
    new = [make_draft(gateway, customer, text="x" * 3_000_000) for _ in range(12)]
    with counted(gateway) as sent:
        in_groups(open_another(), door_of(gateway, customer), new)
    assert states(gateway) == {"queued": 12}
    assert len([sql for sql in sent if "INSERT INTO jobs" in sql]) >= 3


def test_a_group_that_takes_too_long_is_written_in_halves(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """Callers who were too many for the time limit are written all the same, each once."""
    new = [make_draft(gateway, customer) for _ in range(13)]
    with slow(gateway, "job_payloads", row_s=0.1), hurried(gateway, limit_ms=1_000):
        outcomes = in_groups(open_another(), door_of(gateway, customer), new)
    assert [outcome.job_ids for outcome in outcomes] == [(job.id,) for job in new]
    assert states(gateway) == {"queued": 13}


def test_a_database_that_is_too_slow_for_one_is_away(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """Callers of a database that finishes nothing are told to come again, all of them, soon."""
    new = [make_draft(gateway, customer) for _ in range(8)]
    door = door_of(gateway, customer)

    def is_refused(job: NewJob) -> bool:
        with pytest.raises(DatabaseUnavailable):
            door(job)
        return True

    with slow(gateway, "job_payloads", row_s=5), hurried(gateway, limit_ms=300):
        assert all(in_groups(open_another(), is_refused, new))
    assert states(gateway) == {}
