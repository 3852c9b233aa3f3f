"""Group commit at the submit door."""

from collections.abc import Callable

from app.domain.job import NewJob
from app.gateway import Gateway
from app.services.submit import Submission, Submitted, submitter
from tests.factories import Customer, make_draft
from tests.services.book import rung, states
from tests.services.faults import counted, in_groups

CALLERS = 64
TRANSACTIONS_MAX = 8


def test_callers_that_come_together_share_transactions(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """64 simultaneous submissions are all written and rung for, in far fewer statements."""
    new = [make_draft(gateway, customer) for _ in range(CALLERS)]
    door = submitter(gateway)

    def send(job: NewJob) -> Submitted:
        submission = Submission(
            key_id=customer.caller.key_id,
            fingerprint=b"",
            idempotency_key=None,
            is_retry=False,
            jobs=(job,),
        )
        return door(submission)

    with counted(gateway) as sent:
        outcomes = in_groups(open_another(), send, new)
    assert [outcome.job_ids for outcome in outcomes] == [(job.id,) for job in new]
    assert states(gateway) == {"queued": CALLERS}
    assert len([sql for sql in sent if "INSERT INTO jobs" in sql]) <= TRANSACTIONS_MAX
    assert sorted(job_id for ids in rung(gateway) for job_id in ids) == sorted(
        job.id for job in new
    )
