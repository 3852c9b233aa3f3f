"""T3 after half an answer: kept, paid for, and nobody's whole one."""

from dataclasses import replace

from app.gateway import Gateway
from tests.factories import Customer, answer, make_job, read_job, settle_one, start_one
from tests.services.book import COST_NANOS, HOLD_NANOS, attempts, hold_of


def test_half_an_answer_is_a_cancelled_job_that_costs(gateway: Gateway, customer: Customer) -> None:
    """What was made is kept and paid for; the state says that it is not the answer."""
    job_id = make_job(gateway, customer, stream=True)
    part = replace(answer(), partial=True)
    settle_one(gateway, start_one(gateway, job_id), part)
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.partial, job.cost_nanos) == ("cancelled", True, COST_NANOS)
    assert (job.response, job.usage) == (part.body, part.usage)
    assert hold_of(gateway, job_id) == ("captured", HOLD_NANOS, COST_NANOS)
    assert attempts(gateway, job_id) == ["interrupted"]


def test_half_an_answer_costs_no_more_than_its_hold(gateway: Gateway, customer: Customer) -> None:
    """Who left early pays at most what was held, however its tokens were counted."""
    job_id = make_job(gateway, customer, stream=True)
    settle_one(gateway, start_one(gateway, job_id), replace(answer(218, 200), partial=True))
    assert hold_of(gateway, job_id) == ("captured", HOLD_NANOS, HOLD_NANOS)


def test_half_an_answer_names_its_job(gateway: Gateway, customer: Customer) -> None:
    """Whoever is told of it can look at what was made."""
    job_id = make_job(gateway, customer, stream=True)
    settle_one(gateway, start_one(gateway, job_id), replace(answer(), partial=True))
    error = read_job(gateway, customer, job_id).error
    assert error is not None
    assert error.code == "job_cancelled"
    assert f"GET /v1/jobs/{job_id}" in error.message


def test_a_whole_answer_is_no_part(gateway: Gateway, customer: Customer) -> None:
    """A job that succeeded has all of its answer."""
    job_id = make_job(gateway, customer, stream=True)
    settle_one(gateway, start_one(gateway, job_id), answer())
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.partial) == ("succeeded", False)
