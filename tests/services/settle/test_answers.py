"""T3 after an answer: paid exactly, kept, told."""

from dataclasses import replace

from app.domain.attempt import Answer, FailureKind, Interrupted, Outcome
from app.domain.pricing import Price, Usage
from app.gateway import Gateway
from app.services.settle import Finished, settle
from app.services.start import start
from tests.factories import (
    WORKER,
    Customer,
    answer,
    failure,
    make_customer,
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
    at_price,
    attempts,
    captures,
    hold_of,
    job_row,
    look,
    money,
    rung,
    silence,
    standing,
    states,
)


def test_an_answer_is_paid_at_its_cost(gateway: Gateway, customer: Customer) -> None:
    """The cost of its tokens is captured, the rest of the hold released."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert hold_of(gateway, job_id) == ("captured", HOLD_NANOS, COST_NANOS)
    assert money(gateway, customer) == (0, COST_NANOS)


def test_the_cost_is_rounded_up_once(gateway: Gateway, customer: Customer) -> None:
    """A part of a nano-dollar is a whole one, for the sum of all tokens and not for each kind."""
    cheap = at_price(gateway, Price(input_nanos=1, output_nanos=1))
    job_id = make_job(cheap, customer)
    settle_one(cheap, start_one(cheap, job_id), answer(input_tokens=1, output_tokens=1))
    assert read_job(gateway, customer, job_id).cost_nanos == 1


def test_the_job_tells_all_about_its_answer(gateway: Gateway, customer: Customer) -> None:
    """State, status, tokens, cost, body and times stand in the row."""
    job_id = make_job(gateway, customer)
    usage = Usage(input_tokens=10, output_tokens=20, cached_tokens=3, reasoning_tokens=4)
    told = Answer(status_code=200, body='{"ö": 1}'.encode(), usage=usage)
    settle_one(gateway, start_one(gateway, job_id), told)
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.status_code, job.error) == ("succeeded", 200, None)
    assert (job.usage, job.cost_nanos, job.response) == (usage, COST_NANOS, told.body)
    assert job.started_at is not None
    assert job.finished_at is not None
    assert job.created_at <= job.started_at < job.finished_at


def test_the_lease_ends_with_the_job(gateway: Gateway, customer: Customer) -> None:
    """A settled job belongs to no worker, and its attempt is the winning one."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), answer())
    row = job_row(gateway, job_id)
    assert (row.leased_until, row.worker_id, row.attempts) == (None, None, 1)
    assert attempts(gateway, job_id) == ["succeeded"]


def test_a_transfer_goes_from_the_account_to_revenue(gateway: Gateway, customer: Customer) -> None:
    """One immutable row says who paid whom for which job."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), answer())
    (row,) = look(gateway, "SELECT * FROM transfers WHERE kind = 'capture'")
    assert (row.account_id, row.debit) == (customer.account_id, customer.account_id)
    assert (row.credit, row.amount_nanos, row.job_id) == ("platform:revenue", COST_NANOS, job_id)


def test_an_answer_without_usage_costs_its_hold(gateway: Gateway, customer: Customer) -> None:
    """Unknown is not zero: the whole bound is captured, and no tokens are made up."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), replace(answer(), usage=None))
    assert hold_of(gateway, job_id) == ("captured", HOLD_NANOS, HOLD_NANOS)
    job = read_job(gateway, customer, job_id)
    assert (job.usage, job.cost_nanos) == (None, HOLD_NANOS)


def test_an_answer_of_no_tokens_costs_nothing(gateway: Gateway, customer: Customer) -> None:
    """Zero tokens are settled without a transfer: nothing moves, the hold is closed."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), answer(0, 0))
    assert captures(gateway, job_id) == {}
    assert hold_of(gateway, job_id) == ("captured", HOLD_NANOS, 0)


def test_a_huge_answer_is_kept_whole(gateway: Gateway, customer: Customer) -> None:
    """Megabytes of an answer come back byte for byte."""
    job_id = make_job(gateway, customer)
    body = b'{"choices": "' + b"x" * 5_000_000 + b'"}'
    settle_one(gateway, start_one(gateway, job_id), replace(answer(), body=body))
    assert read_job(gateway, customer, job_id).response == body


def test_a_finished_job_is_not_rung_for(gateway: Gateway, customer: Customer) -> None:
    """There is nothing left to do, so no message is sent."""
    job_id = make_job(gateway, customer)
    silence(gateway)
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert rung(gateway) == []


def test_a_group_is_settled_together(gateway: Gateway) -> None:
    """450 answers over the lots of three accounts are each paid once, by their own account."""
    owners = [make_customer(gateway) for _ in range(3)]
    ids = [
        job_id
        for owner in owners
        for job_id in submit(
            gateway, owner, [make_draft(gateway, owner) for _ in range(150)]
        ).job_ids
    ]
    started = start(gateway, ids, WORKER).started
    settle(gateway, [Finished(job=job, outcome=answer()) for job in started])
    assert [money(gateway, owner) for owner in owners] == [(0, 150 * COST_NANOS)] * 3
    assert states(gateway) == {"succeeded": 450}


def test_a_group_of_all_outcomes_is_settled_together(gateway: Gateway, customer: Customer) -> None:
    """An answer, a retry at once, a back-off, a refusal and an interruption go in one group."""
    last_route = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, last_route), failure())
    ids = [last_route, *(make_job(gateway, customer) for _ in range(4))]
    outcomes: list[Outcome] = [
        failure(retry_after_s=2.5),
        answer(),
        failure(),
        failure(FailureKind.REJECTED, 400),
        Interrupted(cancelled=False),
    ]
    started = [start_one(gateway, job_id) for job_id in ids]
    pairs = zip(started, outcomes, strict=True)
    settle(gateway, [Finished(job=job, outcome=outcome) for job, outcome in pairs])
    assert [standing(gateway, job_id) for job_id in ids] == [
        ("waiting", "backoff", 2),
        ("succeeded", None, 1),
        ("queued", None, 1),
        ("failed", None, 1),
        ("queued", None, 0),
    ]


def test_nothing_to_settle_is_no_error(gateway: Gateway) -> None:
    """An empty group changes nothing."""
    settle(gateway, [])
    assert look(gateway, "SELECT 1 FROM transfers") == []
