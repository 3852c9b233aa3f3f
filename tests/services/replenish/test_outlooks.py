"""What callers are told by how their account stands: lots of tokens, old failures, the month."""

from collections.abc import Callable
from dataclasses import replace

from app.domain.money import NANOS_PER_DOLLAR
from app.domain.pricing import hold_amount
from app.domain.replenishing.policy import CENT_NANOS
from app.gateway import Gateway
from app.services.replenish.ask import ask
from app.services.replenish.policy import set_policy
from app.services.start import start
from app.store.engine import statement
from app.store.replenishing import standings
from tests.factories import (
    WORKER,
    Customer,
    make_customer,
    make_job,
    start_one,
)
from tests.services.book import HOLD_NANOS, change, drawing, look, make_lot
from tests.services.funds import make_tokens
from tests.simulator.funding.running import FundingServer

from .buying import buy, cool, happened, purchases
from .refusing import refused

Open = Callable[..., Gateway]
SOON, NEVER = (503, "balance_replenishing"), (402, "insufficient_balance")


def buys(gateway: Gateway, owner: Customer, *, amount: int, cap: int) -> None:
    """Let an account buy only when a job cannot be paid for."""
    set_policy(
        gateway,
        owner.account_id,
        threshold_nanos=0,
        amount_nanos=amount,
        monthly_cap_nanos=cap,
        actor="tests",
    )


def candidates(gateway: Gateway) -> list[str]:
    """Return the accounts that the keeper asks for."""
    with statement(gateway.engine) as conn:
        return list(standings.candidates(conn, after="", limit=10)[0])


def nanos_bought(gateway: Gateway) -> int:
    """Return what the only purchase bought."""
    (row,) = look(gateway, "SELECT amount_nanos FROM replenishments WHERE state = 'done'")
    return int(row.amount_nanos)


def test_too_few_tokens_are_no_hold_of_others(house: Gateway) -> None:
    """A lot of tokens that costs more than the job but covers less of it holds nothing back."""
    owner = make_customer(house, "0")
    make_tokens(house, owner, 150, 300_000)
    assert refused(house, owner) == (*NEVER, None)


def test_who_has_too_few_tokens_buys_what_they_do_not_cover(house: Gateway) -> None:
    """Its caller asks for a purchase, and is served after it."""
    owner = make_customer(house, "0")
    make_tokens(house, owner, 150, 300_000)
    buys(house, owner, amount=1, cap=NANOS_PER_DOLLAR)
    assert refused(house, owner)[:2] == SOON
    buy(house)
    assert nanos_bought(house) == CENT_NANOS
    start_one(house, make_job(house, owner))


def test_tokens_that_others_hold_come_back(house: Gateway) -> None:
    """What they cover, with the money there is, is only waited for."""
    owner = make_customer(house, "0")
    make_tokens(house, owner, 209, 10)
    start_one(house, make_job(house, owner))
    status, code, _ = refused(house, owner)
    assert (status, code) == (503, "holds_exhausted")


def test_a_failure_of_weeks_ago_sends_nobody_away(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """It says nothing of today: callers come back while the first purchases of today fail."""
    buys(house, poor, amount=NANOS_PER_DOLLAR, cap=200 * NANOS_PER_DOLLAR)
    long_ago = "now() - interval '20 days'"
    change(
        house,
        f"UPDATE replenish_policies SET failures = 1, failing_since = {long_ago},"
        f" not_before = {long_ago}",
    )
    server.set({"fault": "decline", "times": 1})
    assert refused(house, poor)[:2] == SOON
    assert refused(house, poor)[:2] == SOON
    buy(house)
    assert purchases(house) == [("failed", "charge_declined", 1)]
    assert refused(house, poor)[:2] == SOON
    cool(house)
    change(house, "UPDATE replenish_policies SET failing_since = now() - interval '301 s'")
    assert refused(house, poor)[:2] == NEVER


def test_a_cooldown_longer_than_callers_wait_is_402(buying: Open, poor: Customer) -> None:
    """Until no more than five minutes of it are left."""
    house = replace(buying(replenish_cooldown_s=7_200), entropy=drawing(0))
    ends = "UPDATE replenish_policies SET not_before = now() + make_interval(secs => :s)"
    change(house, ends, s=310)
    assert refused(house, poor) == (*NEVER, None)
    change(house, ends, s=290)
    assert refused(house, poor) == (*SOON, 30)


def test_a_caller_who_comes_back_counts_once(house: Gateway, poor: Customer) -> None:
    """However often it is told to, while nobody takes the purchase up."""
    buys(house, poor, amount=1, cap=200 * NANOS_PER_DOLLAR)
    needed = 60_000 * 2_000 + 109 * 500
    for _ in range(20):
        assert refused(house, poor, max_tokens=60_000)[:2] == SOON
        change(house, "UPDATE replenishments SET created_at = created_at - interval '2 s'")
    buy(house)
    assert nanos_bought(house) == -(-needed // CENT_NANOS) * CENT_NANOS


def test_a_dearer_caller_who_comes_late_counts(house: Gateway, poor: Customer) -> None:
    """What it needs alone is bought, though others were counted before it."""
    buys(house, poor, amount=1, cap=200 * NANOS_PER_DOLLAR)
    refused(house, poor)
    change(house, "UPDATE replenishments SET created_at = created_at - interval '9 s'")
    refused(house, poor, max_tokens=60_000)
    buy(house)
    started = start_one(house, make_job(house, poor, max_tokens=60_000))
    assert started.hold.nanos == hold_amount(109, 60_000, started.hold.price)


def test_a_purchase_is_whole_cents(house: Gateway, poor: Customer, server: FundingServer) -> None:
    """A payment service is asked for nothing that it could not charge."""
    buys(house, poor, amount=1, cap=NANOS_PER_DOLLAR)
    refused(house, poor)
    buy(house)
    assert [each["amount"] for each in server.truth()["purchases"].values()] == ["0.01"]


def test_the_dust_of_a_month_is_its_end(house: Gateway, poor: Customer) -> None:
    """What the cap leaves below what can be charged is not bought, and not told to wait for."""
    buys(house, poor, amount=20 * NANOS_PER_DOLLAR, cap=20 * NANOS_PER_DOLLAR + HOLD_NANOS)
    refused(house, poor)
    buy(house)
    change(house, "UPDATE lots SET expires_at = now()")
    cool(house)
    assert refused(house, poor)[:2] == NEVER
    start(house, [make_job(house, poor)], WORKER)
    assert purchases(house) == [("done", None, 20), ("failed", "monthly_cap_reached", 20)]


def test_a_spent_month_is_looked_at_once(house: Gateway, poor: Customer) -> None:
    """Nobody counts what waits for it again, neither keeper nor caller, until the cap is raised."""
    buys(house, poor, amount=NANOS_PER_DOLLAR, cap=NANOS_PER_DOLLAR)
    start(house, [make_job(house, poor, max_tokens=60_000)], WORKER)
    buy(house)
    change(house, "UPDATE lots SET expires_at = now()")
    cool(house)
    start(house, [make_job(house, poor)], WORKER)
    assert purchases(house)[-1] == ("failed", "monthly_cap_reached", 1)
    assert candidates(house) == []
    change(house, "ALTER TABLE jobs RENAME TO away")
    try:
        assert not ask(house, poor.account_id, callers_nanos=1)
    finally:
        change(house, "ALTER TABLE away RENAME TO jobs")
    buys(house, poor, amount=NANOS_PER_DOLLAR, cap=2 * NANOS_PER_DOLLAR)
    assert candidates(house) == [poor.account_id]
    assert ask(house, poor.account_id)
    assert happened(house).count("balance.low") == 2


def test_a_month_that_has_something_left_is_looked_at(house: Gateway, poor: Customer) -> None:
    """Below its threshold an account is asked for, whatever it bought before."""
    assert candidates(house) == [poor.account_id]
    buy(house)
    assert candidates(house) == []
    cool(house)
    change(house, "UPDATE lots SET expires_at = now()")
    assert candidates(house) == [poor.account_id]
    make_lot(house, poor, 5 * NANOS_PER_DOLLAR)
    assert candidates(house) == []
