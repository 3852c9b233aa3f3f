"""What a receipt tells beside what its rows say."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.job import JobState
from app.domain.pricing import Price
from app.domain.usage.receipt import (
    STATES_OF,
    Call,
    Receipt,
    Standing,
    job_id_of,
    request_id_of,
    tokens_of,
    version_of,
)

AT = datetime(2026, 11, 23, tzinfo=UTC)


def made(*, first_token_ms: int | None = None, output_tokens: int | None = 60) -> Receipt:
    """Return a receipt of a job that waited a second and was answered within two more."""
    served = Call(
        number=1,
        provider="p",
        model="m",
        state="succeeded",
        failure=None,
        status_code=200,
        started_at=AT + timedelta(seconds=1),
        finished_at=AT + timedelta(seconds=3),
        input_tokens=1,
        output_tokens=output_tokens,
        first_token_ms=first_token_ms,
        flag=None,
    )
    return Receipt(
        job_id="job_1",
        key_id="key_1",
        endpoint="/v1/messages",
        instrument="text-prime",
        state=JobState.SUCCEEDED,
        created_at=AT,
        finished_at=AT + timedelta(seconds=3),
        usage=None,
        cost_nanos=0,
        price=None,
        served=served,
    )


def test_every_state_stands_somewhere() -> None:
    """Each state of a job is that of exactly one standing."""
    states = [state for standing in Standing for state in STATES_OF[standing]]
    assert sorted(states) == sorted(JobState)


def test_both_names_lead_to_the_job() -> None:
    """The request's and the job's; nothing else does."""
    assert request_id_of("job_01jd") == "req_01jd"
    assert job_id_of("req_01jd") == job_id_of("job_01jd") == "job_01jd"
    assert job_id_of("chatcmpl-01jd") is None


def test_a_price_has_a_name() -> None:
    """The same one as long as the instrument and both prices are; it is written in bills."""
    price = Price(input_nanos=100, output_nanos=400)
    assert version_of("text-prime", price) == "price_8917feba2ba0"
    others = [
        version_of("text-max", price),
        version_of("text-prime", Price(input_nanos=101, output_nanos=400)),
        version_of("text-prime", Price(input_nanos=100, output_nanos=401)),
        version_of("text-prime", Price(input_nanos=400, output_nanos=100)),
    ]
    assert len({version_of("text-prime", price), *others}) == 5


def test_the_wait_counts_for_the_duration_only() -> None:
    """Three seconds from the request on; sixty tokens in the two that the provider took."""
    assert (made().duration_ms, made().tokens_per_second) == (3000, 30)


def test_the_first_token_does_not_count_for_the_pace() -> None:
    """A stream that began after a second wrote its sixty tokens in one."""
    assert made(first_token_ms=1000).tokens_per_second == 60


@pytest.mark.parametrize(("tokens", "first_ms"), [(None, None), (0, None), (60, 2000)])
def test_a_pace_that_cannot_be_known_is_not_told(tokens: int | None, first_ms: int | None) -> None:
    """Without tokens, or without time, there is none; nothing is divided by zero."""
    assert made(output_tokens=tokens, first_token_ms=first_ms).tokens_per_second is None


@given(
    lot_tokens=st.integers(1, 10**9),
    price=st.integers(2, 10**6),
    before=st.integers(0, 10**9),
    drawn=st.integers(0, 10**9),
    more=st.integers(0, 10**9),
)
def test_tokens_are_known_from_what_they_cost(
    lot_tokens: int, price: int, before: int, drawn: int, more: int
) -> None:
    """Wherever a draw begins, its share of the lot's price tells how many tokens it was."""
    before = min(before, lot_tokens)
    drawn = min(drawn, lot_tokens - before)
    nanos = lot_tokens * price + more % lot_tokens
    cost = nanos * (before + drawn) // lot_tokens - nanos * before // lot_tokens
    assert tokens_of(cost, lot_nanos=nanos, lot_tokens=lot_tokens) == drawn
