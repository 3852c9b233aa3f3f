"""T3 after a call that gave no answer: another route, a delay, or the end; and nobody pays."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain.attempt import Failure, FailureKind, Interrupted
from app.domain.job import Lane
from app.gateway import Gateway
from app.services.cancel import cancel
from app.services.settle import MESSAGE_CHARACTERS_MAX
from app.services.start import start
from tests.factories import (
    WORKER,
    Customer,
    answer,
    failure,
    make_job,
    read_job,
    settle_one,
    start_one,
)
from tests.services.book import (
    HOLD_NANOS,
    attempts,
    drawing,
    hold_of,
    job_row,
    let_pass,
    look,
    money,
    rung,
    silence,
    standing,
    with_routes,
)


def test_a_rejected_request_fails_for_nothing(gateway: Gateway, customer: Customer) -> None:
    """A 400 is the caller's fault: the job fails with the provider's words, the hold goes back."""
    job_id = make_job(gateway, customer)
    refused = replace(failure(FailureKind.REJECTED, 422), message="max_tokens is too large")
    settle_one(gateway, start_one(gateway, job_id), refused)
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.status_code, job.cost_nanos) == ("failed", 422, None)
    assert job.error is not None
    assert (job.error.code, job.error.message) == ("provider_rejected", refused.message)
    assert hold_of(gateway, job_id) == ("released", HOLD_NANOS, 0)


def test_an_attempt_remembers_its_failure(gateway: Gateway, customer: Customer) -> None:
    """Which way a call failed stands in its attempt's row."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), failure(status_code=502))
    (row,) = look(gateway, "SELECT * FROM attempts")
    assert (row.state, row.failure, row.status_code) == ("failed", "status_502", 502)
    assert row.finished_at is not None


@pytest.mark.parametrize(
    "kind", [FailureKind.RETRYABLE, FailureKind.RATE_LIMITED, FailureKind.MISCONFIGURED]
)
def test_a_providers_fault_tries_the_other_route(
    gateway: Gateway, customer: Customer, kind: FailureKind
) -> None:
    """The job is queued and rung for at once, its hold kept, and goes to the next route."""
    job_id = make_job(gateway, customer)
    silence(gateway)
    settle_one(gateway, start_one(gateway, job_id), failure(kind))
    assert standing(gateway, job_id) == ("queued", None, 1)
    assert rung(gateway) == [[job_id]]
    assert money(gateway, customer) == (HOLD_NANOS, 0)
    second = start_one(gateway, job_id)
    assert (second.attempt, second.route.name) == (2, "simulator-b/sim-medium-b")


def test_it_is_rung_for_in_its_own_lane(gateway: Gateway, customer: Customer) -> None:
    """A batch line that goes on at once goes on as a batch line."""
    job_id = make_job(gateway, customer, lane=Lane.BATCH)
    settle_one(gateway, start_one(gateway, job_id), failure())
    assert (rung(gateway, Lane.BATCH), rung(gateway)) == ([[job_id]], [])
    assert job_row(gateway, job_id).nudged_at is not None


def test_with_no_route_left_it_waits(gateway: Gateway, customer: Customer) -> None:
    """Once every route has failed the job backs off: it keeps its hold, and nobody rings yet."""
    job_id = make_job(gateway, customer)
    for _ in range(2):
        settle_one(gateway, start_one(gateway, job_id), failure())
    silence(gateway)
    assert standing(gateway, job_id) == ("waiting", "backoff", 2)
    assert job_row(gateway, job_id).nudged_at is None
    assert money(gateway, customer) == (HOLD_NANOS, 0)
    assert start(gateway, [job_id], WORKER).started == ()


@pytest.mark.parametrize(
    ("retry_after_s", "byte", "wait_s"),
    [(None, 0, 1.0), (None, 255, 0.5), (7.0, 0, 7.0), (7.0, 255, 7.5), (5_000.0, 0, 900.0)],
)
def test_a_back_off_honours_retry_after(
    gateway: Gateway, customer: Customer, retry_after_s: float | None, byte: int, wait_s: float
) -> None:
    """It waits at least what the provider asks for, within reason, with its jitter on top."""
    single = replace(with_routes(gateway, 1), entropy=drawing(byte))
    job_id = make_job(gateway, customer)
    settle_one(
        single, start_one(single, job_id), failure(status_code=429, retry_after_s=retry_after_s)
    )
    waits = "SELECT extract(epoch FROM j.run_at - a.finished_at) AS s FROM jobs j, attempts a"
    assert float(look(gateway, waits)[0].s) == pytest.approx(wait_s, abs=0.005)


def test_a_back_off_begins_at_the_first_route_again(gateway: Gateway, customer: Customer) -> None:
    """When all routes have failed equally often, the cheapest is the next."""
    job_id = make_job(gateway, customer)
    routes = []
    for _ in range(5):
        let_pass(gateway, job_id, "run_at", 60)
        started = start_one(gateway, job_id)
        routes.append(started.route.provider)
        settle_one(gateway, started, failure())
    a, b = "simulator", "simulator-b"
    assert routes == [a, b, a, b, a]


def test_after_all_attempts_it_fails(
    open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """The last allowed failure ends the job as provider_unavailable, and releases the hold."""
    gateway = open_another(attempts_max=3)
    job_id = make_job(gateway, customer)
    for _ in range(3):
        let_pass(gateway, job_id, "run_at", 60)
        settle_one(gateway, start_one(gateway, job_id), failure())
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.status_code, job.attempts) == ("failed", 503, 3)
    assert job.error is not None
    assert job.error.code == "provider_unavailable"
    assert "after 3 attempts" in job.error.message
    assert money(gateway, customer) == (0, 0)


def test_a_deadline_that_passes_in_a_call_expires_the_job(
    gateway: Gateway, customer: Customer
) -> None:
    """The engine's own time limit ends the job as expired, for nothing."""
    job_id = make_job(gateway, customer)
    late = Failure(kind=FailureKind.RETRYABLE, symbol="deadline", message="The deadline passed.")
    settle_one(gateway, start_one(gateway, job_id), late)
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.status_code) == ("expired", 504)
    assert hold_of(gateway, job_id) == ("released", HOLD_NANOS, 0)


def test_a_cancelled_call_ends_the_job(gateway: Gateway, customer: Customer) -> None:
    """A call that was ended because somebody cancelled it makes the job cancelled, for nothing."""
    job_id = make_job(gateway, customer)
    started = start_one(gateway, job_id)
    cancel(gateway, customer.caller, job_id)
    settle_one(gateway, started, Interrupted(cancelled=True))
    assert standing(gateway, job_id) == ("cancelled", None, 1)
    assert attempts(gateway, job_id) == ["interrupted"]
    assert money(gateway, customer) == (0, 0)


def test_an_interrupted_call_does_not_count(gateway: Gateway, customer: Customer) -> None:
    """A draining worker gives the job back: queued, rung for, no attempt counted, hold kept."""
    job_id = make_job(gateway, customer)
    silence(gateway)
    settle_one(gateway, start_one(gateway, job_id), Interrupted(cancelled=False))
    assert standing(gateway, job_id) == ("queued", None, 0)
    assert rung(gateway) == [[job_id]]
    assert money(gateway, customer) == (HOLD_NANOS, 0)


def test_an_interruption_is_no_reason_to_change_the_route(
    gateway: Gateway, customer: Customer
) -> None:
    """Nothing was wrong with the route, so the next attempt takes it again."""
    job_id = make_job(gateway, customer)
    first = start_one(gateway, job_id)
    settle_one(gateway, first, Interrupted(cancelled=False))
    second = start_one(gateway, job_id)
    assert (second.attempt, second.route) == (2, first.route)


def test_interruptions_do_not_use_up_attempts(
    open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """A job that was given back ever so often may still fail as often as any other."""
    gateway = open_another(attempts_max=2)
    job_id = make_job(gateway, customer)
    for _ in range(5):
        settle_one(gateway, start_one(gateway, job_id), Interrupted(cancelled=False))
    settle_one(gateway, start_one(gateway, job_id), failure())
    assert standing(gateway, job_id) == ("queued", None, 1)


def test_an_answer_after_failures_is_paid_once(gateway: Gateway, customer: Customer) -> None:
    """Failed attempts cost nothing; the one that answered is the one that is paid."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), failure())
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert attempts(gateway, job_id) == ["failed", "succeeded"]
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.error, job.attempts) == ("succeeded", None, 2)


def test_a_job_cancelled_in_flight_is_not_tried_again(gateway: Gateway, customer: Customer) -> None:
    """When its call fails before the cancellation reaches it, the job ends all the same."""
    job_id = make_job(gateway, customer)
    started = start_one(gateway, job_id)
    cancel(gateway, customer.caller, job_id)
    settle_one(gateway, started, failure())
    assert standing(gateway, job_id)[0] == "cancelled"
    assert money(gateway, customer) == (0, 0)


def test_a_job_cancelled_in_flight_is_not_given_back(gateway: Gateway, customer: Customer) -> None:
    """When its worker drains before the cancellation reaches it, the job ends all the same."""
    job_id = make_job(gateway, customer)
    started = start_one(gateway, job_id)
    cancel(gateway, customer.caller, job_id)
    settle_one(gateway, started, Interrupted(cancelled=False))
    assert standing(gateway, job_id)[0] == "cancelled"


@pytest.mark.parametrize("words", ["x" * 5_000, "a\0b", "half \ud83d of a pair"])
def test_whatever_a_provider_says_can_be_kept(
    gateway: Gateway, customer: Customer, words: str
) -> None:
    """A refusal too long, or with characters that Postgres cannot hold, still ends the job."""
    job_id = make_job(gateway, customer)
    refused = replace(failure(FailureKind.REJECTED, 400), message=words)
    settle_one(gateway, start_one(gateway, job_id), refused)
    job = read_job(gateway, customer, job_id)
    assert job.state == "failed"
    assert job.error is not None
    assert 0 < len(job.error.message) <= MESSAGE_CHARACTERS_MAX
