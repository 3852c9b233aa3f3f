"""The numbers of docs/money.md are those of the code: holds, lots and settlements."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.domain.hold import draw_parts
from app.domain.lots import Lot, held, spent
from app.domain.money import NANOS_PER_DOLLAR
from app.domain.pricing import Usage, calibrated, cost, hold_amount
from app.domain.settling.till import Till
from app.gateway import Gateway
from app.services.start import Started
from tests.factories import (
    Customer,
    answer,
    make_customer,
    make_job,
    read_job,
    settle_one,
    start_one,
)
from tests.services.book import make_lot, money
from tests.services.funds import transfers
from tests.services.start.page import PAGE, QUESTION

INPUT_MAX, OUTPUT_MAX, HOLD_NANOS = 112, 100, 51_200
SENT, GOT, COST_NANOS = 13, 57, 24_100


@pytest.fixture
def started(gateway: Gateway, customer: Customer) -> Started:
    """The page's own example, sent as a client would and started."""
    job_id = make_job(gateway, customer, max_tokens=OUTPUT_MAX, **QUESTION)
    return start_one(gateway, job_id)


def test_the_hold_is_what_the_page_says(started: Started) -> None:
    """Its tokens and its amount are the page's, down to the nano-dollar."""
    assert started.input_tokens_max == INPUT_MAX
    assert started.hold.nanos == HOLD_NANOS
    assert f"64 + 16 + 32 = {INPUT_MAX} tokens" in PAGE
    assert f"{INPUT_MAX} * 100 + {OUTPUT_MAX} * 400 = {HOLD_NANOS:,} nano-dollars" in PAGE
    assert "$0.0000512" in PAGE


def test_the_settlement_is_what_the_page_says(
    gateway: Gateway, customer: Customer, started: Started
) -> None:
    """What is captured and what goes back are the page's."""
    assert cost(Usage(input_tokens=SENT, output_tokens=GOT), started.hold.price) == COST_NANOS
    settle_one(gateway, started, answer(SENT, GOT))
    assert money(gateway, customer) == (0, COST_NANOS)
    assert f"{SENT} * 100 + {GOT} * 400 = {COST_NANOS:,} nano-dollars" in PAGE
    assert f"{HOLD_NANOS:,} - {COST_NANOS:,} = {HOLD_NANOS - COST_NANOS:,} go back" in PAGE


def test_tokens_cost_what_the_page_says() -> None:
    """Three draws of a hundred tokens each come to what the lot cost, in the page's figures."""
    lot = a_lot(300, 1_000_003)
    told = []
    for _ in range(3):
        told.append(f"{spent(lot, 100):,}")
        lot = replace(lot, tokens_used=lot.tokens_used + 100)
    assert f"{told[0]}, {told[1]} and {told[2]} nano-dollars" in PAGE


def test_a_mixed_hold_is_what_the_page_says(started: Started) -> None:
    """150 tokens of a lot, the rest of the output in money; and its settlement."""
    bound = Usage(input_tokens=INPUT_MAX, output_tokens=OUTPUT_MAX)
    price, lot = started.hold.price, a_lot(150, 30_000)
    money = replace(lot, id="lot_2", tokens=None, instrument=None, amount_nanos=NANOS_PER_DOLLAR)
    parts = draw_parts([lot], [money], bound, price)
    assert parts is not None
    assert [(part.tokens, part.nanos) for part in parts] == [(150, 30_000), (None, 24_800)]
    assert "62 tokens of output at 400 for 24,800, together 54,800" in PAGE
    hold = replace(started.hold, parts=parts)
    lots = [held(each, parts) for each in (lot, money)]
    captures = Till(lots, ()).pay(
        hold, Usage(input_tokens=SENT, output_tokens=GOT), "text-standard"
    )
    assert [(each.tokens, each.captured_nanos) for each in captures] == [(70, 14_000), (0, 0)]
    assert "13 + 57 = 70 tokens" in PAGE
    assert "70 tokens for 14,000 nano-dollars, and 80 tokens" in PAGE


def test_a_calibrated_hold_is_what_the_page_says(started: Started) -> None:
    """At a ratio of 0.3 the bound of the input is 34 tokens."""
    tokens = calibrated(INPUT_MAX, 300_000)
    assert tokens == 34
    nanos = hold_amount(tokens, OUTPUT_MAX, started.hold.price)
    assert f"34 * 100 + 100 * 400 = {nanos:,} nano-dollars" in PAGE


def test_an_overrun_is_what_the_page_says(gateway: Gateway) -> None:
    """The hold, what another lot has, and the platform's part."""
    owner = make_customer(gateway, f"0.{HOLD_NANOS:09d}")
    job_id = make_job(gateway, owner, max_tokens=OUTPUT_MAX, **QUESTION)
    started = start_one(gateway, job_id)
    make_lot(gateway, owner, 20_000)
    settle_one(gateway, started, answer(200, 150))
    assert [nanos for _, _, nanos in transfers(gateway, job_id)] == [HOLD_NANOS, 20_000, 8_800]
    assert read_job(gateway, owner, job_id).cost_nanos == 71_200
    assert "200 * 100 + 150 * 400 = 80,000" in PAGE
    assert "Another lot has 20,000 left and pays them; 8,800 are the platform's" in PAGE
    assert "51,200 + 20,000 = 71,200" in PAGE


def a_lot(tokens: int, nanos: int) -> Lot:
    """Return a fresh lot of tokens."""
    return Lot(
        id="lot_1",
        account_id="acct_1",
        amount_nanos=nanos,
        used_nanos=0,
        held_nanos=0,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        expires_at=None,
        instrument="text-standard",
        tokens=tokens,
    )
