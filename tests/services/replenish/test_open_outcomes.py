"""Purchases whose outcome stays open: charged late, asked for late, and many of them at once."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from app.funding import PaymentService
from app.gateway import Gateway
from app.services import fund
from app.services.replenish.ask import ask
from app.services.replenish.buyer import LOOK_UPS_MAX, PURCHASES_MAX, open_buyer
from app.services.replenish.policy import set_policy
from tests.factories import Customer, make_customer
from tests.services.book import change, look
from tests.simulator.funding.running import SECRET, FundingServer
from tests.simulator.running import eventually

from .buying import (
    AMOUNT,
    CAP,
    SOON_S,
    THRESHOLD,
    ask_in_vain,
    buy,
    cool,
    forsake,
    grow_old,
    happened,
    purchases,
    settled,
)

Open = Callable[..., Gateway]

DEAD = "http://127.0.0.1:9"
"""Where nobody listens: the port of a service (discard) that no machine runs any more."""


def replenishing(gateway: Gateway) -> Customer:
    """Return another account without a cent that replenishes itself."""
    customer = make_customer(gateway, "0")
    set_policy(
        gateway,
        customer.account_id,
        threshold_nanos=THRESHOLD,
        amount_nanos=AMOUNT,
        monthly_cap_nanos=CAP,
        actor="tests",
    )
    return customer


def time_out(house: Gateway, server: FundingServer) -> None:
    """Let a purchase time out that the source has never heard of, and ask for no other one."""
    server.set({"fault": "stuck", "times": 1})
    ask_in_vain(house, server)
    grow_old(house, "10 minutes")
    buy(house)
    assert purchases(house) == [("failed", "timed_out", 20)]
    change(house, "UPDATE replenish_policies SET not_before = now() + interval '1 hour'")


def charge_late(house: Gateway, server: FundingServer) -> None:
    """Let the source get through with the only purchase there is."""
    (row,) = look(house, "SELECT id, account_id, amount_nanos FROM replenishments")
    source = PaymentService(server.url, SECRET, timeout_s=5, now=lambda: datetime.now(UTC))
    source.buy(row.id, row.account_id, row.amount_nanos)
    assert server.truth()["bought"] == 1


def test_a_purchase_that_waited_to_be_taken_up_is_not_old(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """Its age counts from the first question: what the source does not know yet is asked again."""
    server.set({"fault": "stuck", "times": 1})
    ask(house, poor.account_id)
    change(house, "UPDATE replenishments SET created_at = created_at - interval '10 minutes'")
    buy(house)
    assert purchases(house) == [("done", None, 20)]
    assert server.truth()["bought"] == 1


def test_what_never_came_to_the_source_has_timed_out(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """Minutes after it was first asked for, nobody was charged, and that counts toward the lock."""
    time_out(house, server)
    (policy,) = look(house, "SELECT failures FROM replenish_policies")
    assert policy.failures == 1


def test_while_nobody_knows_callers_are_told_for_minutes_only(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """An open outcome starts the clock of failing, and stays open however long it takes."""
    server.set({"fault": "silent"}, {"fault": "status", "on": "lookup"})
    buyer = open_buyer(house)
    buyer.tend()
    failing = "SELECT 1 FROM replenish_policies WHERE failing_since IS NOT NULL"
    assert eventually(lambda: look(house, failing), within_s=SOON_S)
    buyer.close()
    assert not settled(house)
    server.fresh_faults()
    forsake(house)
    buy(house)
    assert purchases(house) == [("done", None, 20)]
    assert server.truth()["bought"] == 1


def test_a_charge_that_comes_late_is_credited(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """What has timed out is looked up all the same, and money that was taken gives its lot."""
    time_out(house, server)
    charge_late(house, server)
    forsake(house)
    open_buyer(house).tend()
    done = [("done", None, 20)]
    assert eventually(lambda: purchases(house) == done, within_s=SOON_S)
    (lot,) = look(house, "SELECT account_id, amount_nanos FROM lots")
    assert (lot.account_id, lot.amount_nanos) == (poor.account_id, AMOUNT)
    assert happened(house)[-1] == "balance.replenished"
    assert server.truth()["asked"] == 2


def test_what_has_timed_out_is_looked_up_for_a_day(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """In vain that changes nothing; then it is left alone."""
    time_out(house, server)
    looked = server.truth()["lookups"]
    forsake(house)
    buyer = open_buyer(house)
    assert buyer.tend() == 1
    assert eventually(lambda: server.truth()["lookups"] == looked + 1, within_s=SOON_S)
    buyer.close()
    (failed,) = look(house, "SELECT * FROM replenishments")
    assert (failed.state, failed.reason) == ("failed", "timed_out")
    grow_old(house, "1 day")
    assert open_buyer(house).tend() == 0


def test_a_second_question_that_is_refused_leaves_it_open(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """The first one may still be charged, so the purchase goes on until the source tells."""
    server.set({"fault": "stuck", "times": 1}, {"fault": "status", "status": 403, "times": 1})
    buy(house)
    assert purchases(house) == [("done", None, 20)]
    assert (server.truth()["bought"], server.truth()["asked"]) == (1, 3)


def test_the_month_is_that_of_the_first_question(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """Asked for on the last day and taken up on the first, it counts in the month of its charge."""
    set_policy(
        house,
        poor.account_id,
        threshold_nanos=THRESHOLD,
        amount_nanos=AMOUNT,
        monthly_cap_nanos=AMOUNT + 1_000_000_000,
        actor="tests",
    )
    ask(house, poor.account_id)
    change(
        house,
        "UPDATE replenishments SET created_at = date_trunc('month', now()) - interval '1 ms'",
    )
    buy(house)
    change(house, "UPDATE lots SET expires_at = now()")
    cool(house)
    buy(house)
    assert purchases(house) == [("done", None, 20), ("done", None, 1)]


def test_a_deposit_under_the_purchases_name_blocks_nothing(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """A reference is the operator's own; what was charged is credited beside it."""
    ask(house, poor.account_id, callers_nanos=AMOUNT)
    (row,) = look(house, "SELECT id FROM replenishments")
    fund.deposit(house, poor.account_id, 1, reference="mine")
    change(house, "UPDATE lots SET reference = :id", id=row.id)
    buy(house)
    assert purchases(house) == [("done", None, 20)]


def test_bought_lots_last_as_long_as_others(buying: Open, poor: Customer) -> None:
    """The setting of every credit without an expiry of its own holds for them too."""
    house = buying(lot_expires_s=14_400)
    buy(house)
    (lot,) = look(house, "SELECT extract(epoch FROM expires_at - created_at) AS s FROM lots")
    assert float(lot.s) == pytest.approx(14_400, abs=5)


def test_open_purchases_keep_no_new_one_waiting(
    buying: Open, poor: Customer, server: FundingServer
) -> None:
    """However many are looked up in vain, what was just asked for is bought at once."""
    house = buying(funding_timeout_s=3.0)
    for _ in range(PURCHASES_MAX + LOOK_UPS_MAX - 1):
        ask(house, replenishing(house).account_id)
    change(
        house,
        "UPDATE replenishments SET state = 'buying', created_at = now() - interval '1 minute',"
        " first_asked_at = now() - interval '1 minute', asked_at = now() - interval '1 minute'",
    )
    ask(house, poor.account_id)
    server.set({"fault": "stuck", "on": "lookup"})
    buyer = open_buyer(house)
    assert buyer.tend() == LOOK_UPS_MAX + 1
    done = "SELECT 1 FROM replenishments WHERE state = 'done' AND account_id = :id"
    assert eventually(lambda: look(house, done, id=poor.account_id), within_s=SOON_S)
    change(house, "UPDATE replenish_policies SET locked_at = now()")
    server.fresh_faults()
    buyer.close()


@pytest.mark.parametrize(
    ("age", "ago", "due"),
    [
        ("10 s", "5 s", 0),
        ("10 s", "10 s", 1),
        ("20 minutes", "4 minutes", 0),
        ("20 minutes", "6 minutes", 1),
        ("10 hours", "9 minutes", 0),
        ("10 hours", "11 minutes", 1),
    ],
)
def test_the_older_a_purchase_the_rarer_its_look_ups(
    house: Gateway, poor: Customer, server: FundingServer, age: str, ago: str, due: int
) -> None:
    """A quarter of its age lies between them, at least a lease (7 s here), at most ten minutes."""
    server.set({"fault": "silent", "times": 1}, {"fault": "status", "on": "lookup"})
    ask_in_vain(house, server)
    change(
        house,
        "UPDATE replenishments SET asked_at = now() - CAST(:ago AS interval),"
        " first_asked_at = now() - CAST(:ago AS interval) - CAST(:age AS interval)",
        age=age,
        ago=ago,
    )
    buyer = open_buyer(house)
    assert buyer.tend() == due
    buyer.close()


def test_a_source_that_nobody_can_reach_locks_nobody(buying: Open, poor: Customer) -> None:
    """Callers hear for minutes that it will be well; the account buys as soon as it can."""
    away = buying(funding_url=DEAD)
    for _ in range(4):
        buy(away)
        cool(away)
    assert purchases(away) == [("failed", "unreachable", 20)] * 4
    (policy,) = look(away, "SELECT * FROM replenish_policies")
    assert (policy.failures, policy.locked_at) == (0, None)
    assert policy.failing_since is not None
    house = buying()
    buy(house)
    assert settled(house)
    assert purchases(house)[-1] == ("done", None, 20)
