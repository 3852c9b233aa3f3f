"""Answers that cost nothing, and reports of usage that cannot be believed."""

from dataclasses import replace

import pytest
from sqlalchemy import Row

from app.domain.attempt import Answer
from app.domain.pricing import Usage
from app.gateway import Gateway
from tests.factories import Customer, answer, failure, make_job, read_job, settle_one, start_one
from tests.services.book import COST_NANOS, HOLD_NANOS, hold_of, look, money


def attempt(gateway: Gateway, job_id: str) -> "Row[tuple[object, ...]]":
    """Return the last attempt of a job."""
    rows = look(gateway, "SELECT * FROM attempts WHERE job_id = :id ORDER BY number", id=job_id)
    return rows[-1]


def settled(gateway: Gateway, customer: Customer, told: Answer, **body: object) -> str:
    """Settle one answer and return its job's id."""
    job_id = make_job(gateway, customer, **body)
    settle_one(gateway, start_one(gateway, job_id), told)
    return job_id


def test_an_empty_answer_costs_nothing(gateway: Gateway, customer: Customer) -> None:
    """The job succeeds with what there is; what the provider charges stands on the attempt."""
    job_id = settled(gateway, customer, replace(answer(), flags=("empty",)))
    job = read_job(gateway, customer, job_id)
    assert (job.state, job.cost_nanos) == ("succeeded", 0)
    assert hold_of(gateway, job_id) == ("captured", HOLD_NANOS, 0)
    assert money(gateway, customer) == (0, 0)
    row = attempt(gateway, job_id)
    assert (row.flag, row.cost_nanos, row.input_tokens) == ("empty", COST_NANOS, 10)


@pytest.mark.parametrize(
    ("first_ms", "call_ms", "flag"),
    [
        (4_620, 4_700, None),
        (4_621, 4_700, "out_of_spec"),
        (100, 2_600, None),
        (100, 2_601, "out_of_spec"),
        (None, 60_000, None),
    ],
)
def test_an_answer_out_of_its_specification_costs_nothing(
    gateway: Gateway, customer: Customer, first_ms: int | None, call_ms: int, flag: str | None
) -> None:
    """text-prime promises a first token within 4.62 s and 40 tokens a second; streams are timed."""
    told = replace(answer(10, 100), first_token_ms=first_ms, call_ms=call_ms)
    job_id = settled(gateway, customer, told)
    row = attempt(gateway, job_id)
    assert (row.flag, row.first_token_ms) == (flag, first_ms)
    assert (read_job(gateway, customer, job_id).cost_nanos == 0) is (flag is not None)


def test_a_short_answer_is_not_timed_by_its_tokens(gateway: Gateway, customer: Customer) -> None:
    """A few tokens tell nothing of a provider's throughput."""
    told = replace(answer(10, 99), first_token_ms=1, call_ms=60_000)
    assert attempt(gateway, settled(gateway, customer, told)).flag is None


def test_missing_usage_is_not_zero(gateway: Gateway, customer: Customer) -> None:
    """Without a report the whole hold is paid, and nobody pretends to know the tokens."""
    job_id = settled(gateway, customer, replace(answer(), usage=None, flags=("usage_missing",)))
    job, row = read_job(gateway, customer, job_id), attempt(gateway, job_id)
    assert (job.usage, job.cost_nanos) == (None, HOLD_NANOS)
    assert (row.flag, row.input_tokens, row.cost_nanos) == ("missing", None, None)


@pytest.mark.parametrize(("sent", "got"), [(-1, 5), (5, -1), (219, 1), (1, 201), (10**12, 10**12)])
def test_absurd_usage_is_clamped_to_the_hold(
    gateway: Gateway, customer: Customer, sent: int, got: int
) -> None:
    """Negative counts, and counts above twice the bound, cost the hold and are flagged."""
    usage = Usage(input_tokens=sent, output_tokens=got)
    job_id = settled(gateway, customer, replace(answer(), usage=usage))
    assert read_job(gateway, customer, job_id).cost_nanos == HOLD_NANOS
    assert attempt(gateway, job_id).flag == "clamped"


@pytest.mark.parametrize("flag", ["usage_invalid", "usage_absurd"])
def test_what_an_adapter_did_not_believe_is_flagged(
    gateway: Gateway, customer: Customer, flag: str
) -> None:
    """An adapter reports no usage then, and says why."""
    job_id = settled(gateway, customer, replace(answer(), usage=None, flags=(flag,)))
    assert attempt(gateway, job_id).flag == "clamped"


def test_a_cut_answer_is_partial(gateway: Gateway, customer: Customer) -> None:
    """What a client that left had got is paid at its estimate, however little it was."""
    told = replace(answer(), flags=("empty",), partial=True)
    job_id = settled(gateway, customer, told)
    assert attempt(gateway, job_id).flag == "partial"
    assert read_job(gateway, customer, job_id).cost_nanos == COST_NANOS


def test_a_failed_attempt_has_no_usage(gateway: Gateway, customer: Customer) -> None:
    """Nothing is known of what a failed call used: unknown, not zero."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), failure())
    row = attempt(gateway, job_id)
    assert (row.input_tokens, row.cost_nanos, row.flag) == (None, None, None)
