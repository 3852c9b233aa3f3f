"""The numbers of docs/money.md are those of the code."""

from pathlib import Path

import pytest

from app.domain.pricing import Usage, cost
from app.gateway import Gateway
from app.services.start import Started
from tests.factories import Customer, answer, make_job, settle_one, start_one
from tests.services.book import money

SIGNS = str.maketrans({"\N{MULTIPLICATION SIGN}": "*", "\N{MINUS SIGN}": "-"})
PAGE = (Path(__file__).parents[3] / "docs/money.md").read_text(encoding="utf-8").translate(SIGNS)
INPUT_MAX, OUTPUT_MAX, HOLD_NANOS = 112, 100, 51_200
SENT, GOT, COST_NANOS = 13, 57, 24_100


@pytest.fixture
def started(gateway: Gateway, customer: Customer) -> Started:
    """The page's own example, sent as a client would and started."""
    job_id = make_job(
        gateway,
        customer,
        text="What is a busbar?",
        model="text-standard",
        max_tokens=OUTPUT_MAX,
    )
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
