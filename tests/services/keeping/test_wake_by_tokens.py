"""Jobs that lots of tokens pay for: which of those that wait are woken, and none in vain."""

from typing import Final

import pytest

from app.domain.pricing import Price
from app.gateway import Gateway
from app.services.keeping.sweep import sweep
from app.services.keeping.wake import wake
from app.services.start import start
from tests.factories import WORKER, Customer, make_customer, make_job, start_one
from tests.services.book import at_price, change, copies, make_lot, states
from tests.services.funds import make_tokens

LOT_TOKENS: Final = 250
LONG_TEXT: Final = "What is 2 + 2?" + 286 * "."
"""A prompt of at most 395 tokens. With 10 of answer it lists at 217,500 nano-dollars."""

DEAR_TOKENS: Final = 140
"""Tokens of an answer that lists at 334,500 nano-dollars, but is 249 tokens with its prompt."""


@pytest.fixture
def poor(gateway: Gateway) -> Customer:
    """An account without a cent."""
    return make_customer(gateway, "0")


def cheap(gateway: Gateway, owner: Customer) -> str:
    """Submit the cheaper job, of more tokens than the lot has."""
    messages = [{"role": "user", "content": LONG_TEXT}]
    return make_job(gateway, owner, messages=messages, max_tokens=10)


def dear(gateway: Gateway, owner: Customer) -> str:
    """Submit the dearer job, which the lot of tokens covers."""
    return make_job(gateway, owner, max_tokens=DEAR_TOKENS)


def test_the_dearer_job_starts_where_it_has_fewer_tokens(gateway: Gateway, poor: Customer) -> None:
    """Within a group, too: what was refused before it was cheaper, but of more tokens."""
    make_tokens(gateway, poor, LOT_TOKENS)
    first, second = cheap(gateway, poor), dear(gateway, poor)
    assert [job.id for job in start(gateway, [first, second], WORKER).started] == [second]


def test_the_job_that_tokens_cover_is_woken(gateway: Gateway, poor: Customer) -> None:
    """A deposit of tokens wakes that one alone, though another one waits that lists at less."""
    first, second = cheap(gateway, poor), dear(gateway, poor)
    start(gateway, [first, second], WORKER)
    make_tokens(gateway, poor, LOT_TOKENS)
    assert states(gateway) == {"waiting balance": 1, "queued": 1}
    start_one(gateway, second)
    assert wake(gateway) == 0


def test_it_is_found_among_many(gateway: Gateway, poor: Customer) -> None:
    """However many cheaper ones stand before it."""
    first, second = cheap(gateway, poor), dear(gateway, poor)
    start(gateway, [first, second], WORKER)
    copies(gateway, first, 1_000)
    make_tokens(gateway, poor, LOT_TOKENS)
    assert states(gateway) == {"waiting balance": 1_001, "queued": 1}
    start_one(gateway, second)


def test_what_tokens_do_not_cover_keeps_nobody_busy(gateway: Gateway, poor: Customer) -> None:
    """A remainder of tokens is no reason to ring for jobs that need more."""
    start(gateway, [cheap(gateway, poor) for _ in range(3)], WORKER)
    make_tokens(gateway, poor, LOT_TOKENS)
    assert [sweep(gateway) for _ in range(3)] == [0, 0, 0]


def test_tokens_and_money_pay_together(gateway: Gateway, poor: Customer) -> None:
    """What the tokens leave of the cheaper one is 145 in and 10 out: 92,500 nano-dollars."""
    job_id = cheap(gateway, poor)
    start(gateway, [job_id], WORKER)
    make_tokens(gateway, poor, LOT_TOKENS)
    make_lot(gateway, poor, 92_499)
    assert states(gateway) == {"waiting balance": 1}
    make_lot(gateway, poor, 1)
    assert states(gateway) == {"queued": 1}
    start_one(gateway, job_id)


def test_as_many_are_woken_as_the_tokens_pay_for(gateway: Gateway, poor: Customer) -> None:
    """Of five jobs that come to 249 tokens each a lot for three wakes three, who all start."""
    ids = [dear(gateway, poor) for _ in range(5)]
    start(gateway, ids, WORKER)
    make_tokens(gateway, poor, 3 * LOT_TOKENS)
    assert wake(gateway) == 0
    assert states(gateway) == {"waiting balance": 2, "queued": 3}
    assert len(start(gateway, ids, WORKER).started) == 3


def test_a_calibrated_job_is_woken_by_what_it_would_hold(gateway: Gateway, poor: Customer) -> None:
    """At half its bound of input a job of 109 tokens in and 100 out is 155 tokens."""
    change(gateway, "INSERT INTO calibrations VALUES ('text-prime', 500000, 10000)")
    change(gateway, "UPDATE accounts SET hold_mode = 'calibrated'")
    job_id = make_job(gateway, poor)
    start(gateway, [job_id], WORKER)
    make_tokens(gateway, poor, 154)
    assert wake(gateway) == 0
    make_tokens(gateway, poor, 1, 1)
    assert states(gateway) == {"queued": 1}
    start_one(gateway, job_id)


def test_input_that_is_dearer_than_output_wakes_too(gateway: Gateway, poor: Customer) -> None:
    """Whatever the price is like, a job that its tokens cover goes on."""
    house = at_price(gateway, Price(input_nanos=2_000 * 10**6, output_nanos=0))
    first, second = cheap(house, poor), dear(house, poor)
    start(house, [first, second], WORKER)
    make_tokens(house, poor, LOT_TOKENS)
    assert states(house) == {"waiting balance": 1, "queued": 1}
    start_one(house, second)
