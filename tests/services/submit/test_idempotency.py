"""The same request twice is one job: by its Idempotency-Key, or by being a client's retry."""

from collections import Counter
from collections.abc import Callable

import pytest

from app.domain.attempt import FailureKind
from app.domain.errors import IdempotencyMismatch
from app.domain.job import Lane
from app.gateway import Gateway
from app.services import accounts
from app.services.accounts import Caller
from app.services.submit import Submission, submitter
from app.store.submissions import ATTACH_WINDOW_S
from tests.factories import (
    Customer,
    answer,
    failure,
    make_draft,
    make_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import let_pass, rung, states
from tests.services.faults import at_once, counted, in_groups


def test_the_same_key_and_body_are_the_same_job(gateway: Gateway, customer: Customer) -> None:
    """The second submission is told the ids of the first, and that it was a replay."""
    first = submit(gateway, customer, [make_draft(gateway, customer)], idempotency_key="k")
    second = submit(gateway, customer, [make_draft(gateway, customer)], idempotency_key="k")
    assert second.job_ids == first.job_ids
    assert (first.replayed, second.replayed) == (False, True)
    assert states(gateway) == {"queued": 1}


def test_a_replay_rings_for_nobody(gateway: Gateway, customer: Customer) -> None:
    """Only the submission that wrote the job nudges it."""
    for _ in range(3):
        submit(gateway, customer, [make_draft(gateway, customer)], idempotency_key="k")
    assert len(rung(gateway)) == 1


def test_a_list_is_replayed_in_its_order(gateway: Gateway, customer: Customer) -> None:
    """All ids of the first list come back as they stood."""
    first, second = (
        submit(
            gateway,
            customer,
            [make_draft(gateway, customer, lane=Lane.BATCH) for _ in range(20)],
            idempotency_key="k",
        )
        for _ in range(2)
    )
    assert second.job_ids == first.job_ids
    assert states(gateway) == {"queued": 20}


def test_the_same_key_with_another_body_is_refused(gateway: Gateway, customer: Customer) -> None:
    """A reused key is an error, and writes nothing."""
    submit(gateway, customer, [make_draft(gateway, customer)], idempotency_key="k")
    with pytest.raises(IdempotencyMismatch):
        submit(gateway, customer, [make_draft(gateway, customer, text="?")], idempotency_key="k")
    assert states(gateway) == {"queued": 1}


def test_two_api_keys_may_use_one_idempotency_key(gateway: Gateway, customer: Customer) -> None:
    """An Idempotency-Key belongs to the API key it came with, even within one account."""
    other_key = accounts.create_key(gateway, customer.account_id, "second")
    caller = Caller(account_id=customer.account_id, key_id=other_key.id)
    other = Customer(caller=caller, key=other_key.key)
    for who in (customer, other):
        made = submit(gateway, who, [make_draft(gateway, who)], idempotency_key="k")
        assert not made.replayed
    assert states(gateway) == {"queued": 2}


def test_one_key_in_many_gateways_at_once_is_one_job(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """Of 30 simultaneous submissions through three processes one writes and 29 attach to it."""
    doors = [submitter(each) for each in (gateway, open_another(), open_another())]

    def send(number: int) -> tuple[tuple[str, ...], bool]:
        submission = _submission(gateway, customer, key="k")
        submitted = doors[number % 3](submission)
        return submitted.job_ids, submitted.replayed

    outcomes = at_once(send, range(30))
    assert len({ids for ids, _ in outcomes}) == 1
    assert sum(not replayed for _, replayed in outcomes) == 1
    assert states(gateway) == {"queued": 1}


def test_one_key_twice_in_one_group_is_one_job(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """Requests that share a transaction, some with one key among them, are told apart in it."""
    submit_one = submitter(gateway)
    keys = [None, "same", "other", "same", "same", None] * 5

    def send(key: str | None) -> tuple[str | None, tuple[str, ...]]:
        return key, submit_one(_submission(gateway, customer, key=key)).job_ids

    with counted(gateway) as sent:
        outcomes = in_groups(open_another(), send, keys)
    assert len([sql for sql in sent if "INSERT INTO jobs" in sql]) <= 4
    assert Counter(key for key, _ in set(outcomes)) == {None: 10, "same": 1, "other": 1}
    assert states(gateway) == {"queued": 12}


def test_a_mismatch_in_a_group_fails_only_itself(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """The others that share its transaction are written."""
    submit(gateway, customer, [make_draft(gateway, customer, text="?")], idempotency_key="k")
    submit_one = submitter(gateway)

    def send(key: str | None) -> bool:
        try:
            return not submit_one(_submission(gateway, customer, key=key)).replayed
        except IdempotencyMismatch:
            return False

    keys = ["k", None, None, "k", None]
    assert in_groups(open_another(), send, keys) == [False, True, True, False, True]
    assert states(gateway) == {"queued": 4}


def test_a_retry_attaches_to_the_job_it_started(gateway: Gateway, customer: Customer) -> None:
    """A client that gave up waiting and sends the very call again gets the job it has."""
    job_id = make_job(gateway, customer)
    again = submit(gateway, customer, [make_draft(gateway, customer)], is_retry=True)
    assert (again.job_ids, again.replayed) == ((job_id,), True)


def test_a_retry_attaches_to_a_finished_job_too(gateway: Gateway, customer: Customer) -> None:
    """The answer that came while nobody waited is not paid for twice."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), answer())
    again = submit(gateway, customer, [make_draft(gateway, customer)], is_retry=True)
    assert again.job_ids == (job_id,)


def test_the_same_call_that_is_no_retry_is_another_job(
    gateway: Gateway, customer: Customer
) -> None:
    """Only the client's own mark makes two equal calls one."""
    make_job(gateway, customer)
    assert not submit(gateway, customer, [make_draft(gateway, customer)]).replayed
    assert states(gateway) == {"queued": 2}


def test_a_retry_with_another_body_is_another_job(gateway: Gateway, customer: Customer) -> None:
    """A retry attaches by its fingerprint, which another body does not have."""
    make_job(gateway, customer)
    other = make_draft(gateway, customer, text="Something else.")
    assert not submit(gateway, customer, [other], is_retry=True).replayed


def test_a_retry_under_another_key_is_another_job(gateway: Gateway, customer: Customer) -> None:
    """Nobody attaches to what another API key started."""
    make_job(gateway, customer)
    other_key = accounts.create_key(gateway, customer.account_id, "second")
    caller = Caller(account_id=customer.account_id, key_id=other_key.id)
    other = Customer(caller=caller, key=other_key.key)
    assert not submit(gateway, other, [make_draft(gateway, other)], is_retry=True).replayed


def test_a_retry_after_a_failure_is_another_job(gateway: Gateway, customer: Customer) -> None:
    """A job that failed has no answer to attach to."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), failure(FailureKind.REJECTED, 400))
    assert not submit(gateway, customer, [make_draft(gateway, customer)], is_retry=True).replayed
    assert states(gateway) == {"failed": 1, "queued": 1}


def test_a_retry_long_after_is_another_job(gateway: Gateway, customer: Customer) -> None:
    """Clients retry within minutes; the same call much later is meant."""
    job_id = make_job(gateway, customer)
    let_pass(gateway, job_id, "created_at", ATTACH_WINDOW_S + 1)
    assert not submit(gateway, customer, [make_draft(gateway, customer)], is_retry=True).replayed


def _submission(gateway: Gateway, customer: Customer, *, key: str | None) -> Submission:
    new = make_draft(gateway, customer)
    return Submission(
        key_id=customer.caller.key_id,
        fingerprint=new.fingerprint or b"",
        idempotency_key=key,
        is_retry=False,
        jobs=(new,),
    )
