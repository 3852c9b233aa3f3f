"""Clients that leave a job, and clients that come to it: what the row makes of them."""

from collections.abc import Callable

from app.domain.job import JobState
from app.gateway import Gateway
from app.services.keeping import lease
from app.services.keeping.sweep import sweep
from app.services.streaming.leave import attach, leave
from tests.factories import (
    WORKER,
    Customer,
    answer,
    failure,
    make_draft,
    make_job,
    read_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import hold_of, job_row, lapse, let_pass, rung, silence, standing

LONG_S = 60.0
"""Longer than any grace."""


def left(gateway: Gateway, customer: Customer, **body: object) -> str:
    """Return a job whose one client has left."""
    job_id = make_job(gateway, customer, **{"stream": True, **body})
    leave(gateway, customer.account_id, job_id)
    return job_id


def wait_in_vain(gateway: Gateway, job_id: str) -> None:
    """Let the grace pass."""
    let_pass(gateway, job_id, "client_left_at", LONG_S)


def test_a_stream_everybody_left_is_cancelled_after_the_grace(
    gateway: Gateway, customer: Customer
) -> None:
    """A job that waits stays as it is until nobody can be expected any more."""
    job_id = left(gateway, customer)
    sweep(gateway)
    assert standing(gateway, job_id) == ("queued", None, 0)
    wait_in_vain(gateway, job_id)
    assert sweep(gateway) == 1
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.partial, job.cost_nanos) == (JobState.CANCELLED, False, None)
    assert job.error is not None
    assert job.error.code == "job_cancelled"


def test_leaving_while_the_database_is_away_is_quiet(
    gateway: Gateway, open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """Whoever goes is told what it was told before; the job is carried as if it had stayed."""
    job_id = make_job(gateway, customer, stream=True)
    nowhere = open_another(database_url="postgresql+psycopg://nobody@/none?host=/nowhere")
    leave(nowhere, customer.account_id, job_id)
    assert job_row(gateway, job_id).listeners == 1


def test_who_comes_back_in_time_finds_the_job(gateway: Gateway, customer: Customer) -> None:
    """A client that comes within the grace is the job's client, as if nobody had left."""
    job_id = left(gateway, customer)
    new = make_draft(gateway, customer, stream=True)
    assert submit(gateway, customer, [new], is_retry=True).job_ids == (job_id,)
    row = job_row(gateway, job_id)
    assert (row.listeners, row.client_left_at) == (1, None)


def test_the_first_one_may_be_missed_late(gateway: Gateway, customer: Customer) -> None:
    """A connection found dead after its client has come again leaves a client behind."""
    job_id = make_job(gateway, customer, stream=True)
    submit(gateway, customer, [make_draft(gateway, customer, stream=True)], is_retry=True)
    leave(gateway, customer.account_id, job_id)
    assert job_row(gateway, job_id).client_left_at is None
    leave(gateway, customer.account_id, job_id)
    assert job_row(gateway, job_id).client_left_at is not None


def test_who_shares_a_key_counts(gateway: Gateway, customer: Customer) -> None:
    """A second request under the same Idempotency-Key is a second client."""
    new = make_draft(gateway, customer, stream=True)
    (job_id,) = submit(gateway, customer, [new], idempotency_key="k").job_ids
    submit(gateway, customer, [new], idempotency_key="k")
    leave(gateway, customer.account_id, job_id)
    assert job_row(gateway, job_id).client_left_at is None


def test_who_follows_counts(gateway: Gateway, customer: Customer) -> None:
    """A follower keeps a job that its submitter has left, and lets it go when it leaves."""
    job_id = left(gateway, customer)
    attach(gateway, customer.account_id, job_id)
    assert job_row(gateway, job_id).client_left_at is None
    leave(gateway, customer.account_id, job_id)
    assert job_row(gateway, job_id).client_left_at is not None


def test_another_account_counts_nobody(gateway: Gateway, customer: Customer) -> None:
    """A job is left by those only who could have come to it."""
    job_id = make_job(gateway, customer, stream=True)
    leave(gateway, "acct_other", job_id)
    assert job_row(gateway, job_id).listeners == 1


def test_an_answer_in_one_piece_is_made_for_a_retry(gateway: Gateway, customer: Customer) -> None:
    """Who gives up waiting ends nothing: the job is there for whoever comes again."""
    job_id = left(gateway, customer, stream=False)
    row = job_row(gateway, job_id)
    assert (row.listeners, row.client_left_at) == (0, None)


def test_a_worker_hears_after_the_grace(gateway: Gateway, customer: Customer) -> None:
    """A running job stays its worker's, who is told when nobody has come back."""
    job_id = make_job(gateway, customer, stream=True)
    started = start_one(gateway, job_id)
    leave(gateway, customer.account_id, job_id)
    assert lease.unwanted(gateway, WORKER) == ([], [])
    wait_in_vain(gateway, job_id)
    assert lease.unwanted(gateway, WORKER) == ([], [job_id])
    settle_one(gateway, started, answer())
    assert read_job(gateway, customer, job_id).state is JobState.SUCCEEDED


def test_nobody_gets_another_attempt(gateway: Gateway, customer: Customer) -> None:
    """A job whose only client left ends when its attempt fails: nobody is rung for."""
    job_id = make_job(gateway, customer, stream=True)
    started = start_one(gateway, job_id)
    leave(gateway, customer.account_id, job_id)
    wait_in_vain(gateway, job_id)
    silence(gateway)
    settle_one(gateway, started, failure())
    assert standing(gateway, job_id) == ("cancelled", None, 1)
    assert hold_of(gateway, job_id)[0] == "released"
    assert rung(gateway) == []


def test_nobody_gets_another_worker(gateway: Gateway, customer: Customer) -> None:
    """A job whose only client left ends when its worker dies."""
    job_id = make_job(gateway, customer, stream=True)
    start_one(gateway, job_id)
    leave(gateway, customer.account_id, job_id)
    wait_in_vain(gateway, job_id)
    lapse(gateway, job_id)
    sweep(gateway)
    assert standing(gateway, job_id) == ("cancelled", None, 1)
    assert hold_of(gateway, job_id)[0] == "released"
