"""The numbers of docs/money.md are those of the code: 503 and 402, limits, a replenishment."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from app.domain.job import Lane, OnEmpty
from app.domain.limits.cap import Period
from app.domain.money import NANOS_PER_DOLLAR, format_dollars, parse_dollars
from app.domain.pricing import TOKENS_PER_PRICE, Price
from app.gateway import Gateway
from app.services.operate import caps
from app.services.replenish.buyer import PAUSES_S, open_buyer
from app.services.replenish.policy import find_policy, set_policy
from app.services.start import start
from app.wire.errors import headers, row_of_code
from tests.factories import (
    WORKER,
    Customer,
    answer,
    make_customer,
    make_draft,
    make_job,
    read_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import at_price, drawing, look, states
from tests.services.start.page import PAGE, QUESTION
from tests.simulator.funding.running import SECRET, FundingServer, funding_of
from tests.simulator.running import eventually

SOON_S = 20.0
QUARTER = drawing(64)
"""A jitter of a quarter: 2 s and an eighth of them."""

A_CENT = Price(input_nanos=0, output_nanos=NANOS_PER_DOLLAR // 100 * TOKENS_PER_PRICE)
"""For a token of output, so that cents are easily held and spent."""

LINES, COVERED = 300, 48


@pytest.fixture(scope="module")
def running() -> Iterator[FundingServer]:
    """A payment service."""
    with funding_of("--secret", SECRET) as server:
        yield server


@pytest.fixture
def house(running: FundingServer, open_another: Callable[..., Gateway]) -> Gateway:
    """A gateway that buys there."""
    running.fresh()
    secret = SecretStr(SECRET)
    return open_another(funding_url=running.url, funding_secret=secret, funding_timeout_s=1.0)


def let_buy(gateway: Gateway, customer: Customer) -> None:
    """Set the rules that the page sets."""
    assert "busbar replenish ACCOUNT --threshold 5 --amount 20 --monthly-cap 200" in PAGE
    set_policy(
        gateway,
        customer.account_id,
        threshold_nanos=5 * NANOS_PER_DOLLAR,
        amount_nanos=20 * NANOS_PER_DOLLAR,
        monthly_cap_nanos=200 * NANOS_PER_DOLLAR,
        actor="tests",
    )


def ask(gateway: Gateway, customer: Customer) -> str:
    """Ask what the page's example asks, as a caller who waits."""
    return make_job(gateway, customer, on_empty=OnEmpty.FAIL, max_tokens=100, **QUESTION)


def refused(gateway: Gateway, customer: Customer) -> tuple[int | None, str, dict[str, str]]:
    """Ask, and return status, code and headers of the refusal."""
    hasty = replace(gateway, entropy=QUARTER)
    job_id = ask(hasty, customer)
    assert start(hasty, [job_id], WORKER).ended == (job_id,)
    job = read_job(gateway, customer, job_id)
    assert job.error is not None
    told = headers(row_of_code(job.error.code), job.retry_after_s)
    return job.status_code, job.error.code, told


def bought(gateway: Gateway) -> int:
    """Let the buyer buy, and return what the one lot of it has, in nano-dollars."""
    buyer = open_buyer(gateway)
    buyer.tend()
    query = "SELECT amount_nanos FROM lots WHERE source = 'replenishment'"
    assert eventually(lambda: look(gateway, query), within_s=SOON_S)
    buyer.close()
    (lot,) = look(gateway, query)
    nanos: int = lot.amount_nanos
    return nanos


def test_a_503_is_what_the_page_says(house: Gateway) -> None:
    """The SDK is told to come back in 2.25 s; after the purchase it is answered."""
    customer = make_customer(house, "0.0000300")
    let_buy(house, customer)
    status, code, told = refused(house, customer)
    assert (status, code, told["x-should-retry"]) == (503, "balance_replenishing", "true")
    assert (told["Retry-After"], told["retry-after-ms"]) == ("3", "2250")
    assert "The job of the example above needs $0.0000512: 503, `Retry-After: 3`," in PAGE
    assert "`retry-after-ms: 2250`. The SDK comes back 2.25 s later" in PAGE
    assert bought(house) == 20 * NANOS_PER_DOLLAR
    assert "has $0.0000300 left and buys $20 at a time" in PAGE
    job_id = ask(house, customer)
    settle_one(house, start_one(house, job_id), answer())
    assert read_job(house, customer, job_id).status_code == 200
    assert "the purchase is done, the answer is a 200" in PAGE


def test_a_402_is_what_the_page_says(house: Gateway) -> None:
    """The same without a replenishment needs a person."""
    status, code, told = refused(house, make_customer(house, "0.0000300"))
    assert (status, code, told) == (402, "insufficient_balance", {"x-should-retry": "false"})
    assert "Without the replenishment it would have been a 402" in PAGE


def test_a_503_for_holds_is_what_the_page_says(house: Gateway) -> None:
    """What another call holds is missing until that one ends."""
    customer = make_customer(house, "0.0000600")
    other = start_one(house, make_job(house, customer, max_tokens=47, **QUESTION))
    assert other.hold.nanos == parse_dollars("0.0000300")
    status, code, told = refused(house, customer)
    assert (status, code, told["x-should-retry"]) == (503, "holds_exhausted", "true")
    assert "if another call held $0.0000300 of a balance of $0.0000600, a 503" in PAGE
    assert "`holds_exhausted` until that call ends" in PAGE
    settle_one(house, other, answer(13, 10))
    start_one(house, ask(house, customer))


def test_a_replenishment_is_what_the_page_says(house: Gateway, running: FundingServer) -> None:
    """48 lines start, 252 wait; what they lack is bought, charged and credited once."""
    dear = at_price(house, A_CENT)
    customer = make_customer(dear, "4.80")
    let_buy(dear, customer)
    lines = [make_draft(dear, customer, lane=Lane.BATCH, max_tokens=10) for _ in range(LINES)]
    ids = submit(dear, customer, lines).job_ids
    started = start(dear, ids, WORKER).started
    assert {job.hold.nanos for job in started} == {NANOS_PER_DOLLAR // 10}
    assert states(dear) == {"running": COVERED, "waiting balance": LINES - COVERED}
    assert "The balance falls to $4.80. 300 lines of a batch, held at $0.10 each" in PAGE
    assert "48 start, 252 wait" in PAGE
    running.set({"fault": "lost", "times": 1})
    nanos = bought(dear)
    amount = format_dollars(nanos)
    assert nanos == (LINES - COVERED) * NANOS_PER_DOLLAR // 10
    assert f"the purchase is ${amount}, not $20" in PAGE
    truth = running.truth()
    assert (truth["bought"], truth["asked"], truth["lookups"]) == (1, 1, 1)
    assert PAUSES_S[0] == 0.5
    assert f"Half a second later the look-up finds the charge: a lot of ${amount}" in PAGE
    assert states(dear) == {"running": COVERED, "queued": LINES - COVERED}
    standing = find_policy(dear, customer.account_id)
    assert standing is not None
    left = standing.kept.policy.monthly_cap_nanos - standing.bought_nanos
    assert f"252 lines are woken, ${format_dollars(left)} are left of this month's cap" in PAGE


def test_a_cap_is_what_the_page_says(gateway: Gateway) -> None:
    """$0.90 are spent and $0.05 held of $1.00 when jobs of 8, 12 and 120 cents come."""
    customer = make_customer(gateway)
    by_day, key_id = {Period.DAY: NANOS_PER_DOLLAR}, customer.caller.key_id
    caps.set_caps(gateway, customer.account_id, key_id, by_day, actor="tests")
    dear = at_price(gateway, A_CENT)
    settle_one(dear, start_one(dear, cents(dear, customer, 90)), answer(1, 90))
    under_way = start_one(dear, cents(dear, customer, 5))
    ids = [cents(dear, customer, most) for most in (8, 12, 120)]
    assert start(dear, ids, WORKER).started == ()
    errors = [read_job(dear, customer, job_id).error for job_id in ids]
    assert [error and error.code for error in errors] == [
        *("holds_exhausted", "cap_reached", "request_exceeds_limit"),
    ]
    assert "A key may spend $1.00 a day; $0.90 are spent and $0.05 held" in PAGE
    assert "A job that may cost $0.08 hears 503 `holds_exhausted`, as $0.05 are left" in PAGE
    assert "one that may cost $0.12 gets `cap_reached`, one that may cost $1.20" in PAGE
    settle_one(dear, under_way, answer(1, 1))
    (window,) = caps.caps_of(dear, customer.account_id)
    assert f"in the end, ${format_dollars(window.left_nanos)} are left, and the first fits" in PAGE
    start_one(dear, cents(dear, customer, 8))


def cents(gateway: Gateway, customer: Customer, most: int) -> str:
    """Ask as a caller who waits for what may cost so many cents."""
    return make_job(gateway, customer, on_empty=OnEmpty.FAIL, max_tokens=most)
