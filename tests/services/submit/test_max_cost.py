"""The most a job may cost: written with it, and held against what its hold would be."""

import json

import pytest

from app.domain.errors import InvalidRequest
from app.domain.job import Lane, OnEmpty
from app.domain.money import format_dollars
from app.gateway import Gateway
from app.services.draft import draft
from app.services.start import start
from app.wire.surface import CHAT
from tests.factories import WORKER, Customer, chat_body, make_customer, start_one, submit
from tests.services.book import HOLD_NANOS, job_row, money
from tests.services.funds import make_tokens


def make_limited(
    gateway: Gateway, customer: Customer, max_cost: str, *, on_empty: OnEmpty = OnEmpty.WAIT
) -> str:
    """Submit a job that may cost so many dollars; return its id."""
    body = chat_body()
    new = draft(
        gateway,
        customer.caller,
        CHAT,
        body,
        raw=json.dumps(body).encode(),
        lane=Lane.INTERACTIVE,
        on_empty=on_empty,
        max_cost=max_cost,
    )
    return submit(gateway, customer, [new]).job_ids[0]


def test_what_may_cost_as_much_as_it_must_starts(gateway: Gateway, customer: Customer) -> None:
    """The limit itself is allowed."""
    job_id = make_limited(gateway, customer, format_dollars(HOLD_NANOS))
    assert job_row(gateway, job_id).max_cost_nanos == HOLD_NANOS
    assert start_one(gateway, job_id).hold.nanos == HOLD_NANOS


@pytest.mark.parametrize("on_empty", OnEmpty)
@pytest.mark.parametrize("dollars", ["10", "0"])
def test_what_may_cost_too_much_is_refused_for_good(
    gateway: Gateway, dollars: str, on_empty: OnEmpty
) -> None:
    """It is told what it may cost and what it wanted, whether or not there is money for it."""
    owner = make_customer(gateway, dollars)
    limit = format_dollars(HOLD_NANOS - 1)
    job_id = make_limited(gateway, owner, limit, on_empty=on_empty)
    assert start(gateway, [job_id], WORKER).ended == (job_id,)
    row = job_row(gateway, job_id)
    assert (row.state, row.error_code, row.status_code) == ("failed", "request_exceeds_limit", 402)
    assert f"up to ${format_dollars(HOLD_NANOS)}" in row.error_message
    assert f"max_cost of ${limit}" in row.error_message
    assert money(gateway, owner) == (0, 0)


def test_cheap_tokens_keep_a_job_within_its_limit(gateway: Gateway) -> None:
    """What counts is what the hold really comes to, not the price of a token in money."""
    owner = make_customer(gateway, "0")
    make_tokens(gateway, owner, 1_000, 1_000)
    job_id = make_limited(gateway, owner, "0.000000209")
    assert start_one(gateway, job_id).hold.nanos == 209


@pytest.mark.parametrize("amount", ["-1", "1e3", "", "0.0000000001", "NaN", "99999999999"])
def test_an_amount_that_is_none_is_a_400(gateway: Gateway, customer: Customer, amount: str) -> None:
    """Signs, exponents and more than nine decimals are refused by the field's name."""
    with pytest.raises(InvalidRequest, match="max_cost") as caught:
        make_limited(gateway, customer, amount)
    assert caught.value.param == "max_cost"
