"""A call that cost more than its hold: further lots pay, then the platform, never the balance."""

import pytest

from app.domain.pricing import Usage, cost
from app.gateway import Gateway
from tests.factories import (
    Customer,
    answer,
    make_customer,
    make_job,
    read_job,
    settle_one,
    start_one,
)
from tests.services.book import HOLD, HOLD_NANOS, hold_of, lot, make_lot, money
from tests.services.funds import make_cap, make_tokens, tokens_of, transfers, window

SENT, GOT = 218, 200
"""Twice of everything: the most that is believed."""

EXCESS_NANOS = HOLD_NANOS


def test_the_same_lot_pays_above_the_hold(gateway: Gateway, customer: Customer) -> None:
    """What the hold does not cover is drawn from what is available, and shown apart."""
    job_id = make_job(gateway, customer)
    started = start_one(gateway, job_id)
    settle_one(gateway, started, answer(SENT, GOT))
    assert hold_of(gateway, job_id) == ("captured", HOLD_NANOS, HOLD_NANOS)
    assert [(k, n) for k, _, n in transfers(gateway, job_id)] == [
        ("capture", HOLD_NANOS),
        ("overrun", EXCESS_NANOS),
    ]
    total = cost(Usage(input_tokens=SENT, output_tokens=GOT), started.hold.price)
    assert read_job(gateway, customer, job_id).cost_nanos == total == HOLD_NANOS + EXCESS_NANOS
    assert money(gateway, customer) == (0, total)


def test_further_lots_pay_in_drawing_order(gateway: Gateway) -> None:
    """Nearest expiry first, as for a hold."""
    owner = make_customer(gateway, HOLD)
    started = start_one(gateway, make_job(gateway, owner))
    never, soon = make_lot(gateway, owner), make_lot(gateway, owner, 1_000, ends_in_s=50)
    settle_one(gateway, started, answer(SENT, GOT))
    assert lot(gateway, soon) == (0, 1_000)
    assert lot(gateway, never) == (0, EXCESS_NANOS - 1_000)


def test_what_nobody_has_is_the_platforms_shortfall(gateway: Gateway) -> None:
    """The answer is delivered, the account pays what it has, and is never below zero."""
    owner = make_customer(gateway, HOLD)
    job_id = make_job(gateway, owner)
    started = start_one(gateway, job_id)
    last = make_lot(gateway, owner, 100)
    settle_one(gateway, started, answer(SENT, GOT))
    assert [(k, n) for k, _, n in transfers(gateway, job_id)] == [
        ("capture", HOLD_NANOS),
        ("overrun", 100),
        ("shortfall", EXCESS_NANOS - 100),
    ]
    assert lot(gateway, last) == (0, 100)
    job = read_job(gateway, owner, job_id)
    assert (job.state, job.cost_nanos) == ("succeeded", HOLD_NANOS + 100)


def test_no_job_costs_more_than_its_own_limit(gateway: Gateway, customer: Customer) -> None:
    """What an answer cost above its `max_cost` is the platform's, however much the account has."""
    job_id = make_job(gateway, customer, max_cost=f"0.{HOLD_NANOS + 7:09d}")
    settle_one(gateway, start_one(gateway, job_id), answer(SENT, GOT))
    assert [(k, n) for k, _, n in transfers(gateway, job_id)] == [
        ("capture", HOLD_NANOS),
        ("overrun", 7),
        ("shortfall", EXCESS_NANOS - 7),
    ]
    assert read_job(gateway, customer, job_id).cost_nanos == HOLD_NANOS + 7


@pytest.mark.parametrize("nanos", [1_000, 500_000, 1_000_000])
def test_no_further_tokens_pay_above_the_limit(
    gateway: Gateway, customer: Customer, nanos: int
) -> None:
    """Lots of tokens heed the job's own limit as money does."""
    job_id = make_job(gateway, customer, max_cost=HOLD)
    started = start_one(gateway, job_id)
    unit = make_tokens(gateway, customer, 1_000, nanos)
    settle_one(gateway, started, answer(SENT, GOT))
    cost_nanos = read_job(gateway, customer, job_id).cost_nanos
    assert cost_nanos is not None
    assert cost_nanos <= HOLD_NANOS
    assert tokens_of(gateway, unit) == (0, 0, 0)


def test_what_others_hold_is_left_alone(gateway: Gateway) -> None:
    """An overrun takes what is available, not what another job holds."""
    owner = make_customer(gateway, "0")
    make_lot(gateway, owner, 2 * HOLD_NANOS)
    first, second = (start_one(gateway, make_job(gateway, owner)) for _ in range(2))
    settle_one(gateway, first, answer(SENT, GOT))
    settle_one(gateway, second, answer(109, 100))
    assert money(gateway, owner) == (0, 2 * HOLD_NANOS)


def test_expired_lots_pay_no_overrun(gateway: Gateway) -> None:
    """What has expired is gone, for a call under way too."""
    owner = make_customer(gateway, HOLD)
    job_id = make_job(gateway, owner)
    started = start_one(gateway, job_id)
    gone = make_lot(gateway, owner, ends_in_s=-1)
    settle_one(gateway, started, answer(SENT, GOT))
    assert lot(gateway, gone) == (0, 0)
    assert transfers(gateway, job_id)[-1][0] == "shortfall"


def test_further_tokens_pay_before_money(gateway: Gateway) -> None:
    """A lot of tokens covers as many tokens as the hold's money could not, then money."""
    owner = make_customer(gateway, "0")
    tokens, money_lot = make_tokens(gateway, owner, 250, 250_000), make_lot(gateway, owner)
    job_id = make_job(gateway, owner)
    settle_one(gateway, start_one(gateway, job_id), answer(SENT, GOT))
    assert tokens_of(gateway, tokens) == (250, 250_000, 0)
    assert lot(gateway, money_lot) == (0, (SENT + GOT - 250) * 2_000)
    assert [k for k, _, _ in transfers(gateway, job_id)] == ["capture", "overrun", "overrun"]


def test_an_overrun_counts_under_caps(gateway: Gateway, customer: Customer) -> None:
    """A window tells what was really spent, above its limit if need be."""
    cap_id = make_cap(gateway, customer, HOLD_NANOS)
    settle_one(gateway, start_one(gateway, make_job(gateway, customer)), answer(SENT, GOT))
    assert window(gateway, cap_id) == (0, 2 * HOLD_NANOS)
