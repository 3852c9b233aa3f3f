"""Buying with a real payment service and a real database: once, whatever happens meanwhile."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.money import NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services.read import balance
from app.services.replenish.ask import ask
from app.services.replenish.buyer import open_buyer
from app.services.replenish.policy import remove_policy, set_policy, unlock_policy
from tests.factories import Customer, make_customer
from tests.services.book import change, look, make_lot
from tests.simulator.funding.running import FundingServer
from tests.simulator.running import eventually

from .buying import (
    AMOUNT,
    CAP,
    SOON_S,
    THRESHOLD,
    buy,
    cool,
    forsake,
    happened,
    purchases,
    tended,
)

Open = Callable[..., Gateway]


def available(gateway: Gateway, customer: Customer) -> int:
    """Return what an account has to spend, in dollars."""
    return balance(gateway, customer.account_id).available_nanos // NANOS_PER_DOLLAR


def test_a_low_balance_is_replenished(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """The keeper's look finds it below its threshold, buys, and credits the purchase's lot."""
    buy(house)
    assert purchases(house) == [("done", None, 20)]
    (lot,) = look(house, "SELECT * FROM lots")
    (bought,) = look(house, "SELECT * FROM replenishments")
    assert (lot.source, lot.id, lot.expires_at) == ("replenishment", bought.lot_id, None)
    assert server.truth()["purchases"][bought.id]["amount"] == "20.00"
    assert happened(house) == ["balance.low", "balance.replenished"]
    assert available(house, poor) == 20


def test_a_balance_above_its_threshold_is_left_alone(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """Nothing is bought for who has enough, whatever else is held or reserved for an instrument."""
    make_lot(house, poor, THRESHOLD)
    buy(house)
    assert purchases(house) == []
    change(house, "UPDATE lots SET instrument = 'text-max'")
    buy(house)
    assert purchases(house) == [("done", None, 20)]


def test_no_account_buys_without_rules(house: Gateway, server: FundingServer) -> None:
    """An account without a policy is never charged, empty as it may be."""
    nobody = make_customer(house, "0")
    assert ask(house, nobody.account_id, callers_nanos=1) is False
    buy(house)
    assert server.truth()["asked"] == 0


def test_a_policy_that_was_removed_buys_nothing_more(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """Not even what was asked for already, as long as nobody has been charged."""
    assert ask(house, poor.account_id)
    remove_policy(house, poor.account_id, actor="tests")
    buy(house)
    assert purchases(house) == [("failed", "withdrawn", 20)]
    assert server.truth()["asked"] == 0


def test_a_deposit_that_came_first_spares_the_purchase(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """What was asked for is looked at once more before anybody is charged."""
    assert ask(house, poor.account_id, callers_nanos=NANOS_PER_DOLLAR)
    lot_id = make_lot(house, poor, THRESHOLD)
    buy(house)
    assert purchases(house) == [("failed", "withdrawn", 20)]
    assert server.truth()["asked"] == 0
    change(house, "UPDATE lots SET expires_at = now() WHERE id = :id", id=lot_id)
    buy(house)
    assert purchases(house)[-1] == ("done", None, 20)
    assert happened(house) == ["balance.low", "balance.low", "balance.replenished"]


def test_the_amount_is_what_the_callers_lack(house: Gateway, poor: Customer) -> None:
    """Callers who were told to come back are counted until the purchase is taken up."""
    dollars = NANOS_PER_DOLLAR
    assert ask(house, poor.account_id, callers_nanos=15 * dollars)
    assert not ask(house, poor.account_id, callers_nanos=15 * dollars)
    make_lot(house, poor, 4 * dollars)
    buy(house)
    assert purchases(house) == [("done", None, 26)]


def test_a_month_never_buys_more_than_its_cap(house: Gateway, poor: Customer) -> None:
    """The last purchase is what the cap leaves, the next is refused and written down once."""
    set_policy(
        house,
        poor.account_id,
        threshold_nanos=THRESHOLD,
        amount_nanos=AMOUNT,
        monthly_cap_nanos=50 * NANOS_PER_DOLLAR,
        actor="tests",
    )
    for _ in range(5):
        buy(house)
        cool(house)
        change(house, "UPDATE lots SET expires_at = now()")
    cap = ("failed", "monthly_cap_reached", 20)
    assert purchases(house) == [("done", None, 20), ("done", None, 20), ("done", None, 10), cap]
    (policy,) = look(house, "SELECT * FROM replenish_policies")
    assert (policy.failures, policy.locked_at) == (0, None)


def test_the_month_is_the_databases(house: Gateway, poor: Customer) -> None:
    """What was bought before the first of this month, in UTC, leaves this month its whole cap."""
    buy(house)
    change(
        house,
        "UPDATE replenishments SET amount_nanos = 199000000000,"
        " first_asked_at = date_trunc('month', now()) - interval '1 ms'",
    )
    change(house, "UPDATE lots SET expires_at = now()")
    cool(house)
    buy(house)
    assert purchases(house)[-1] == ("done", None, 20)
    change(house, "UPDATE replenishments SET amount_nanos = 20000000000")


def test_three_declines_lock(house: Gateway, poor: Customer, server: FundingServer) -> None:
    """After the third failure in a row nothing is asked for until an operator unlocks."""
    server.set({"fault": "decline"})
    for _ in range(5):
        buy(house)
        cool(house)
    assert purchases(house) == [("failed", "charge_declined", 20)] * 3
    assert happened(house) == ["balance.low", "replenishment.locked"]
    server.fresh()
    unlock_policy(house, poor.account_id, actor="tests")
    buy(house)
    assert purchases(house)[-1] == ("done", None, 20)


def test_a_success_forgets_failures(house: Gateway, poor: Customer, server: FundingServer) -> None:
    """Two failures and a purchase do not lead to a lock with the next failure."""
    server.set({"fault": "decline", "times": 2})
    for _ in range(3):
        buy(house)
        cool(house)
    (policy,) = look(house, "SELECT * FROM replenish_policies")
    assert (policy.failures, policy.failing_since) == (0, None)
    assert happened(house) == ["balance.low", "balance.replenished"]


def test_attempts_keep_their_distance(buying: Open, poor: Customer, server: FundingServer) -> None:
    """Until the cooldown is over nobody asks again, neither the keeper nor a caller."""
    house = buying(replenish_cooldown_s=3_600)
    server.set({"fault": "decline", "times": 1})
    buy(house)
    assert not ask(house, poor.account_id, callers_nanos=1)
    buy(house)
    assert len(purchases(house)) == 1
    cool(house)
    buy(house)
    assert [state for state, *_ in purchases(house)] == ["failed", "done"]


@pytest.mark.parametrize("fault", ["lost", "silent"])
def test_an_answer_that_was_lost_is_looked_up(
    house: Gateway, poor: Customer, server: FundingServer, fault: str
) -> None:
    """Charged but never told: found at the source by its id, credited, and charged once."""
    server.set({"fault": fault, "times": 1})
    buy(house)
    assert purchases(house) == [("done", None, 20)]
    truth = server.truth()
    assert (truth["bought"], truth["asked"], truth["lookups"]) == (1, 1, 1)


@pytest.mark.parametrize("fault", ["status", "stuck"])
def test_a_purchase_that_never_came_is_asked_for_again(
    house: Gateway, poor: Customer, server: FundingServer, fault: str
) -> None:
    """Where the source has never heard of the id it is asked again, under the same id."""
    server.set({"fault": fault, "times": 1})
    buy(house)
    assert purchases(house) == [("done", None, 20)]
    truth = server.truth()
    assert (truth["bought"], truth["asked"], len(truth["purchases"])) == (1, 2, 1)


def test_what_a_dead_worker_was_buying_is_taken_up(
    buying: Open, poor: Customer, server: FundingServer
) -> None:
    """Another one looks it up first, and takes what was charged meanwhile."""
    server.set(latency_ms=700)
    house = buying(funding_timeout_s=0.3)
    dead = open_buyer(house)
    dead.tend()
    assert eventually(lambda: server.truth()["in_flight"] == 1, within_s=SOON_S)
    dead.close()
    forsake(house)
    buy(house)
    assert purchases(house) == [("done", None, 20)]
    truth = server.truth()
    assert (truth["bought"], truth["in_flight_peak_of_one"]) == (1, 1)


def test_a_living_asker_is_left_alone(buying: Open, poor: Customer, server: FundingServer) -> None:
    """Two who lead at once ask the source once: the second sees that the first one asks."""
    server.set(latency_ms=600)
    first, second = (open_buyer(buying()) for _ in range(2))
    with tended(first, second):
        assert eventually(
            lambda: happened(buying())[-1:] == ["balance.replenished"], within_s=SOON_S
        )
    truth = server.truth()
    assert (truth["asked"], truth["lookups"]) == (1, 0)


def test_a_late_failure_does_not_end_what_another_one_asks_for(
    buying: Open, poor: Customer, server: FundingServer
) -> None:
    """Whoever lost the fence may say that it was bought, but not that it failed."""
    server.set({"fault": "decline", "times": 1}, latency_ms=500)
    house = buying()
    slow = open_buyer(house)
    slow.tend()
    assert eventually(lambda: server.truth()["in_flight"] == 1, within_s=SOON_S)
    change(house, "UPDATE replenishments SET asked_at = asked_at + interval '1 s'")
    slow.close()
    assert [state for state, *_ in purchases(house)] == ["buying"]
    forsake(house)
    buy(house)
    assert purchases(house) == [("failed", "charge_declined", 20)]


def test_a_clock_an_hour_behind_decides_nothing(
    buying: Open, poor: Customer, server: FundingServer
) -> None:
    """A worker whose clock is wrong buys like any other: only the database's time counts."""
    house = buying(replenish_cooldown_s=1_800)
    behind = replace(house, now=lambda: house.now() - timedelta(hours=1))
    buy(behind)
    assert purchases(house) == [("done", None, 20)]
    change(house, "UPDATE lots SET expires_at = now()")
    buy(behind)
    buy(replace(house, now=lambda: house.now() + timedelta(hours=1)))
    assert len(purchases(house)) == 1
    cool(house)
    buy(behind)
    assert len(purchases(house)) == 2
    assert CAP > 2 * AMOUNT


def test_without_a_source_nothing_is_asked_for(gateway: Gateway, poor: Customer) -> None:
    """A worker that knows no funding source leaves policies alone."""
    open_buyer(gateway).tend()
    assert purchases(gateway) == []
