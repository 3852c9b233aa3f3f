"""What a start without balance tells its caller: 503 or 402, and when to come back."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain.job import Lane, OnEmpty
from app.domain.money import NANOS_PER_DOLLAR
from app.domain.replenishing.policy import CENT_NANOS
from app.gateway import Gateway
from app.services import fund
from app.services.keeping.sweep import sweep
from app.services.replenish.buyer import open_buyer
from app.services.replenish.policy import set_policy
from app.services.start import start
from tests.factories import (
    WORKER,
    Customer,
    answer,
    make_customer,
    make_job,
    read_job,
    settle_one,
    start_one,
)
from tests.services.book import (
    HOLD,
    HOLD_NANOS,
    change,
    drawing,
    job_row,
    let_pass,
    make_lot,
    silence,
    standing,
)
from tests.simulator.funding.running import FundingServer

from .buying import buy, cool, purchases
from .refusing import refused

Open = Callable[..., Gateway]


def test_a_caller_is_told_to_come_back_and_is_served(house: Gateway, poor: Customer) -> None:
    """The refusal itself asks for the purchase; after it the same request is answered."""
    calm = replace(house, entropy=drawing(0))
    assert refused(calm, poor) == (503, "balance_replenishing", 2.0)
    assert purchases(house) == [("requested", None, 20)]
    buy(house)
    started = start_one(house, make_job(house, poor, on_empty=OnEmpty.FAIL))
    settle_one(house, started, answer())


def test_a_purchase_that_takes_long_is_asked_after_less_often(
    house: Gateway, poor: Customer
) -> None:
    """The Retry-After grows with the purchase's age up to half a minute; then comes 402."""
    calm = replace(house, entropy=drawing(0))
    refused(calm, poor)
    older = "UPDATE replenishments SET created_at = now() - make_interval(secs => :s)"
    waits = []
    for age_s in (10, 100, 301):
        change(house, older, s=age_s)
        waits.append(refused(calm, poor))
    codes = [(status, code) for status, code, _ in waits]
    soon, never = (503, "balance_replenishing"), (402, "insufficient_balance")
    assert codes == [soon, soon, never]
    assert [wait_s for *_, wait_s in waits] == [pytest.approx(10, abs=1), 30, None]


def test_without_rules_or_a_source_it_is_402(
    gateway: Gateway, house: Gateway, poor: Customer
) -> None:
    """Nothing changes without a person, so nobody is told to come back."""
    assert refused(house, make_customer(house, "0")) == (402, "insufficient_balance", None)
    assert refused(gateway, poor) == (402, "insufficient_balance", None)
    assert purchases(house) == []


def test_a_lock_is_402_until_somebody_unlocks(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """Between failures callers are told to come back; after the third they are not."""
    server.set({"fault": "decline"})
    for _ in range(3):
        assert refused(house, poor)[:2] == (503, "balance_replenishing")
        buy(house)
        cool(house)
    assert refused(house, poor) == (402, "insufficient_balance", None)
    assert len(purchases(house)) == 3


def test_a_cooldown_is_waited_for(buying: Open, poor: Customer, server: FundingServer) -> None:
    """While the next purchase may not start yet, callers come back when it may."""
    house = replace(buying(replenish_cooldown_s=20), entropy=drawing(0))
    server.set({"fault": "decline", "times": 1})
    buy(house)
    status, code, retry_s = refused(house, poor)
    assert (status, code) == (503, "balance_replenishing")
    assert retry_s == pytest.approx(20, abs=2)
    assert len(purchases(house)) == 1


def test_a_job_that_no_purchase_of_the_month_covers_is_402(house: Gateway, poor: Customer) -> None:
    """What the cap leaves is too little for this one, though not for others."""
    cap = 10 * CENT_NANOS
    set_policy(
        house,
        poor.account_id,
        threshold_nanos=0,
        amount_nanos=cap,
        monthly_cap_nanos=cap,
        actor="tests",
    )
    assert refused(house, poor, max_tokens=60_000) == (402, "insufficient_balance", None)
    assert refused(house, poor)[:2] == (503, "balance_replenishing")


def test_holds_in_the_way_are_503_and_no_reason_to_buy(house: Gateway) -> None:
    """Money that other calls hold comes back by itself: nothing is bought for it."""
    busy = make_customer(house, HOLD)
    first = start_one(house, make_job(house, busy))
    status, code, retry_s = refused(house, busy)
    assert (status, code) == (503, "holds_exhausted")
    assert retry_s is not None
    assert 1 <= retry_s <= 10
    set_policy(
        house,
        busy.account_id,
        threshold_nanos=0,
        amount_nanos=NANOS_PER_DOLLAR,
        monthly_cap_nanos=NANOS_PER_DOLLAR,
        actor="tests",
    )
    assert refused(house, busy)[1] == "holds_exhausted"
    buy(house)
    assert purchases(house) == []
    settle_one(house, first, answer())
    assert refused(house, busy)[1] == "balance_replenishing"


def test_a_lot_that_expires_holds_nothing_back(house: Gateway) -> None:
    """What an expired lot holds does not return to the balance, so it is no reason to wait."""
    busy = make_customer(house, "0")
    make_lot(house, busy, HOLD_NANOS)
    start_one(house, make_job(house, busy))
    change(house, "UPDATE lots SET expires_at = now()")
    assert refused(house, busy) == (402, "insufficient_balance", None)


def test_a_group_looks_at_each_account_once(house: Gateway, poor: Customer) -> None:
    """Callers refused together ask for one purchase that covers all of them."""
    set_policy(
        house,
        poor.account_id,
        threshold_nanos=0,
        amount_nanos=1,
        monthly_cap_nanos=NANOS_PER_DOLLAR,
        actor="tests",
    )
    ids = [make_job(house, poor, on_empty=OnEmpty.FAIL) for _ in range(5)]
    assert sorted(start(house, ids, WORKER).ended) == sorted(ids)
    buy(house)
    (lot,) = (row for row in purchases(house) if row[0] == "done")
    assert lot == ("done", None, 0)
    ids = [make_job(house, poor, on_empty=OnEmpty.FAIL) for _ in range(5)]
    assert len(start(house, ids, WORKER).started) == 5


@pytest.mark.parametrize("lane", list(Lane))
def test_queued_jobs_wait_and_go_on_by_themselves(
    house: Gateway, poor: Customer, lane: Lane
) -> None:
    """No attempt is counted; the purchase wakes them all without another look."""
    ids = [make_job(house, poor, lane=lane) for _ in range(5)]
    start(house, ids, WORKER)
    assert {standing(house, job_id) for job_id in ids} == {("waiting", "balance", 0)}
    buy(house)
    assert {standing(house, job_id) for job_id in ids} == {("queued", None, 0)}
    assert len(start(house, ids, WORKER).started) == 5


def test_one_purchase_covers_all_that_waits(house: Gateway, poor: Customer) -> None:
    """The amount is what the waiters lack, where that is more than the configured one."""
    set_policy(
        house,
        poor.account_id,
        threshold_nanos=0,
        amount_nanos=1,
        monthly_cap_nanos=NANOS_PER_DOLLAR,
        actor="tests",
    )
    make_lot(house, poor, HOLD_NANOS - 1)
    ids = [make_job(house, poor) for _ in range(7)]
    start(house, ids, WORKER)
    buy(house)
    assert len(start(house, ids, WORKER).started) == 7


def test_the_keeper_buys_for_those_who_wait_after_a_failure(
    house: Gateway, poor: Customer, server: FundingServer
) -> None:
    """Nobody needs to come again: after the cooldown the look finds who waits."""
    set_policy(
        house,
        poor.account_id,
        threshold_nanos=0,
        amount_nanos=NANOS_PER_DOLLAR,
        monthly_cap_nanos=NANOS_PER_DOLLAR,
        actor="tests",
    )
    server.set({"fault": "decline", "times": 1})
    job_id = make_job(house, poor)
    start(house, [job_id], WORKER)
    buy(house)
    cool(house)
    buy(house)
    assert [state for state, *_ in purchases(house)] == ["failed", "done"]
    assert standing(house, job_id) == ("queued", None, 0)


def test_a_single_job_waits_for_its_time_only(buying: Open, poor: Customer) -> None:
    """It comes due when its patience ends, and fails then with the code of a 402."""
    house = buying(balance_wait_s=900, funding_url="")
    job_id = make_job(house, poor)
    start(house, [job_id], WORKER)
    row = job_row(house, job_id)
    assert (row.run_at - row.short_since).total_seconds() == pytest.approx(900, abs=1)
    let_pass(house, job_id, "short_since", 901)
    let_pass(house, job_id, "run_at", 901)
    assert start(house, [job_id], WORKER).ended == (job_id,)
    job = read_job(house, poor, job_id)
    assert job.error is not None
    assert (job.state, job.status_code, job.error.code) == ("failed", 402, "insufficient_balance")


def test_waking_does_not_renew_the_patience(buying: Open, poor: Customer) -> None:
    """A job that was woken in vain waits for the rest of its time, not for all of it again."""
    house = buying(funding_url="")
    first, second = (make_job(house, poor) for _ in range(2))
    start(house, [first, second], WORKER)
    let_pass(house, second, "short_since", 600)
    change(house, "UPDATE jobs SET state = 'queued', reason = NULL, run_at = now()")
    start(house, [first, second], WORKER)
    row = job_row(house, second)
    assert (row.run_at - row.short_since).total_seconds() == pytest.approx(900, abs=1)


def test_a_job_whose_time_is_over_starts_if_it_can(buying: Open, poor: Customer) -> None:
    """Patience matters only where there is no balance."""
    house = buying(funding_url="")
    job_id = make_job(house, poor)
    start(house, [job_id], WORKER)
    let_pass(house, job_id, "short_since", 901)
    fund.deposit(house, poor.account_id, NANOS_PER_DOLLAR, reference=None)
    assert len(start(house, [job_id], WORKER).started) == 1


def test_a_line_waits_until_its_deadline(house: Gateway, gateway: Gateway, poor: Customer) -> None:
    """Then it has failed for the lack of balance, not merely expired."""
    line = make_job(gateway, poor, lane=Lane.BATCH)
    start(gateway, [line], WORKER)
    let_pass(house, line, "short_since", 10_000)
    let_pass(house, line, "deadline_at", 1_000_000)
    silence(gateway)
    sweep(gateway)
    job = read_job(house, poor, line)
    assert job.error is not None
    assert (job.state, job.status_code, job.error.code) == ("failed", 402, "insufficient_balance")


def test_a_refusal_outlives_a_database_that_goes(house: Gateway, poor: Customer) -> None:
    """A purchase that cannot be asked for now keeps nobody from starting."""
    change(house, "ALTER TABLE replenishments RENAME TO away")
    try:
        rich = make_customer(house)
        good = make_job(house, rich)
        assert len(start(house, [good], WORKER).started) == 1
    finally:
        change(house, "ALTER TABLE away RENAME TO replenishments")
    open_buyer(house).close()
