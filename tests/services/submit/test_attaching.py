"""Which job a client's automatic retry attaches to, where there are several it could be."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain.attempt import Interrupted
from app.gateway import Gateway
from app.services.limiting import refusals
from app.services.streaming.leave import leave
from app.services.submit import Submission, submitter
from tests.factories import Customer, answer, make_draft, make_job, settle_one, start_one
from tests.services.faults import NOWHERE, at_once


def retry(gateway: Gateway, customer: Customer) -> Submission:
    """Return a retry of the one call of these tests."""
    new = make_draft(gateway, customer)
    return Submission(
        key_id=customer.caller.key_id,
        fingerprint=new.fingerprint or b"",
        idempotency_key=None,
        is_retry=True,
        jobs=(new,),
    )


def come_again(gateway: Gateway, customer: Customer) -> str:
    """Return the job a retry comes to."""
    (job_id,) = submitter(gateway)(retry(gateway, customer)).job_ids
    return job_id


def done(gateway: Gateway, job_id: str) -> None:
    """Bring a job to its answer."""
    settle_one(gateway, start_one(gateway, job_id), answer())


def test_what_was_given_up_comes_first(gateway: Gateway, customer: Customer) -> None:
    """A retry leaves alone those whose clients are there as far as anybody knows."""
    given_up, other = make_job(gateway, customer), make_job(gateway, customer)
    leave(gateway, customer.account_id, given_up)
    assert other > given_up
    assert come_again(gateway, customer) == given_up


def test_each_retry_has_a_job_of_its_own(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """Eight equal calls that time out together come to eight jobs again, through any process."""
    jobs = [make_job(gateway, customer) for _ in range(8)]
    for job_id in jobs:
        leave(gateway, customer.account_id, job_id)
    doors = [submitter(each) for each in (gateway, open_another())]
    told = at_once(lambda n: doors[n % 2](retry(gateway, customer)).job_ids[0], range(8))
    assert sorted(told) == jobs


def test_connections_may_break_unnoticed(gateway: Gateway, customer: Customer) -> None:
    """Retries of calls nobody has missed come to a job each, and never to none."""
    jobs = [make_job(gateway, customer) for _ in range(3)]
    assert sorted(come_again(gateway, customer) for _ in range(3)) == jobs
    assert come_again(gateway, customer) in jobs


def test_an_answer_that_was_lost_is_sent_once_more(gateway: Gateway, customer: Customer) -> None:
    """An answer may be lost on its way: its retry gets it; a further one is another call."""
    job_id = make_job(gateway, customer)
    done(gateway, job_id)
    assert come_again(gateway, customer) == job_id
    assert come_again(gateway, customer) != job_id


def test_what_runs_comes_before_what_was_answered(gateway: Gateway, customer: Customer) -> None:
    """Of two jobs with their clients the unfinished one is likelier to be missed."""
    running, answered = make_job(gateway, customer), make_job(gateway, customer)
    done(gateway, answered)
    assert come_again(gateway, customer) == running


def test_half_an_answer_is_nobodys(gateway: Gateway, customer: Customer) -> None:
    """A job that was cut short has no answer for a retry."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), replace(answer(), partial=True))
    assert come_again(gateway, customer) != job_id


def test_what_was_cancelled_is_nobodys(gateway: Gateway, customer: Customer) -> None:
    """Nor has one that was cancelled."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), Interrupted(cancelled=True))
    assert come_again(gateway, customer) != job_id


def test_each_refusal_comes_again_once(gateway: Gateway, customer: Customer) -> None:
    """As many retries as were refused are known as such, whichever process refused them."""
    call = retry(gateway, customer)
    for _ in range(2):
        refusals.note(gateway, call)
    assert [refusals.take(gateway, call) for _ in range(3)] == [True, True, False]


def test_a_refusal_is_that_of_its_call(gateway: Gateway, customer: Customer) -> None:
    """Another call, or another key's, is not taken for the refused one."""
    call = retry(gateway, customer)
    refusals.note(gateway, call)
    assert not refusals.take(gateway, replace(call, fingerprint=b"other"))
    assert not refusals.take(gateway, replace(call, key_id="key_other"))


def test_a_refusal_is_forgotten(gateway: Gateway, customer: Customer) -> None:
    """A client that never comes again leaves nothing behind."""
    refusals.note(gateway, retry(gateway, customer))
    (key,) = gateway.broker.client.keys(gateway.broker.prefix + "refused:*")
    assert 0 < gateway.broker.client.ttl(key) <= refusals.KEPT_S


def test_refusals_without_end_are_not_all_remembered(
    gateway: Gateway, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that asks on and on, whatever it is told, takes no more room than a few do."""
    monkeypatch.setattr(refusals, "NOTES_MAX", 2)
    call = retry(gateway, customer)
    for _ in range(5):
        refusals.note(gateway, call)
    assert [refusals.take(gateway, call) for _ in range(3)] == [True, True, False]


def test_nothing_was_refused_while_redis_is_away(
    open_another: Callable[..., Gateway], gateway: Gateway, customer: Customer
) -> None:
    """Without Redis a retry is taken for that of a call that has begun: nobody pays twice."""
    alone = open_another(redis_url=NOWHERE)
    call = retry(gateway, customer)
    refusals.note(alone, call)
    assert not refusals.take(alone, call)
