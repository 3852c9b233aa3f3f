"""Caps: reserved beside each hold, refused by name, moved as holds are settled."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from app.domain.attempt import Interrupted
from app.domain.job import OnEmpty
from app.domain.limits.cap import CapScope, Period
from app.gateway import Gateway
from app.services.cancel import cancel
from app.services.start import start
from app.services.starting.refusing import CAP_LOOK_S
from tests.factories import (
    WORKER,
    Customer,
    answer,
    failure,
    make_customer,
    make_job,
    read_job,
    settle_one,
    start_one,
)
from tests.services.book import (
    COST_NANOS,
    HOLD_NANOS,
    change,
    drawing,
    job_row,
    look,
    standing,
)
from tests.services.funds import make_cap, make_tokens, window

LONGER: Final = 220
"""Tokens of an answer that two of the usual holds cover, but not beside what one call has cost."""


def test_a_hold_is_reserved_and_then_spent(gateway: Gateway, customer: Customer) -> None:
    """While a call runs its hold counts in the window, afterwards what it cost."""
    cap_id = make_cap(gateway, customer, 2 * HOLD_NANOS)
    started = start_one(gateway, make_job(gateway, customer))
    assert window(gateway, cap_id) == (HOLD_NANOS, 0)
    settle_one(gateway, started, answer())
    assert window(gateway, cap_id) == (0, COST_NANOS)


@pytest.mark.parametrize("outcome", [failure(), Interrupted(cancelled=True)])
def test_what_costs_nothing_spends_nothing(
    gateway: Gateway, customer: Customer, outcome: object
) -> None:
    """A failed or cancelled call gives its window back what it held, as it ends for good."""
    cap_id = make_cap(gateway, customer, HOLD_NANOS)
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), outcome)
    cancel(gateway, customer.caller, job_id)
    assert window(gateway, cap_id) == (0, 0)


def test_a_later_attempt_counts_once(gateway: Gateway, customer: Customer) -> None:
    """A retry goes on with the reservation of the first attempt."""
    cap_id = make_cap(gateway, customer, HOLD_NANOS)
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), Interrupted(cancelled=False))
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert window(gateway, cap_id) == (0, COST_NANOS)


@pytest.mark.parametrize("scope", [CapScope.ACCOUNT, CapScope.KEY])
@pytest.mark.parametrize("period", Period)
def test_a_caller_is_told_which_cap_is_reached(
    gateway: Gateway, customer: Customer, scope: CapScope, period: Period
) -> None:
    """The refusal names scope, limit, spent, held, the next window, and what to do."""
    make_cap(gateway, customer, 2 * HOLD_NANOS - 1, scope=scope, period=period)
    settle_one(gateway, start_one(gateway, make_job(gateway, customer)), answer())
    start_one(gateway, make_job(gateway, customer))
    job_id = make_job(gateway, customer, on_empty=OnEmpty.FAIL, max_tokens=LONGER)
    start(gateway, [job_id], WORKER)
    row = job_row(gateway, job_id)
    assert (row.state, row.error_code, row.status_code) == ("failed", "cap_reached", 402)
    told = (scope.value, period.value, "$0.000508999", "$0.000045 spent", "$0.0002545 held")
    assert all(word in row.error_message for word in (*told, "resets at", "Raise the cap"))


def test_a_caller_comes_back_for_what_others_only_hold(
    gateway: Gateway, customer: Customer
) -> None:
    """A window that holds alone fill has room again within seconds: 503, and then an answer."""
    make_cap(gateway, customer, 2 * HOLD_NANOS - 1)
    started = start_one(gateway, make_job(gateway, customer))
    job_id = make_job(gateway, customer, on_empty=OnEmpty.FAIL)
    start(gateway, [job_id], WORKER)
    job = read_job(gateway, customer, job_id)
    assert job.error is not None
    assert (job.state, job.error.code, job.status_code) == ("failed", "holds_exhausted", 503)
    assert job.retry_after_s is not None
    assert 1 <= job.retry_after_s <= 10
    told = ("account", "$0.000508999 a day", "$0.00 spent", "$0.0002545 held")
    assert all(word in job.error.message for word in told)
    settle_one(gateway, started, answer())
    start_one(gateway, make_job(gateway, customer, on_empty=OnEmpty.FAIL))


def test_a_cap_that_is_spent_is_not_waited_for_beside_one_that_is_held(
    gateway: Gateway, customer: Customer
) -> None:
    """Where two caps refuse, the one that nothing frees decides."""
    make_cap(gateway, customer, 2 * HOLD_NANOS - 1, period=Period.MONTH)
    make_cap(gateway, customer, HOLD_NANOS + COST_NANOS)
    settle_one(gateway, start_one(gateway, make_job(gateway, customer)), answer())
    start_one(gateway, make_job(gateway, customer))
    job_id = make_job(gateway, customer, on_empty=OnEmpty.FAIL, max_tokens=101)
    start(gateway, [job_id], WORKER)
    row = job_row(gateway, job_id)
    assert (row.error_code, row.status_code) == ("cap_reached", 402)
    assert "a day" in row.error_message


def test_a_job_that_may_wait_waits_for_its_cap(gateway: Gateway, customer: Customer) -> None:
    """While others hold a part of the cap it looks again soon, and goes on when that came back."""
    make_cap(gateway, customer, 2 * HOLD_NANOS - 1)
    first, second = make_job(gateway, customer), make_job(gateway, customer)
    (started,) = start(gateway, [first, second], WORKER).started
    assert standing(gateway, second) == ("waiting", "capacity", 0)
    (row,) = look(gateway, "SELECT run_at - now() AS s FROM jobs WHERE id = :id", id=second)
    assert 0 < row.s.total_seconds() < 5
    settle_one(gateway, started, answer())
    change(gateway, "UPDATE jobs SET run_at = now()")
    start_one(gateway, second)


def test_a_spent_cap_is_waited_for_until_it_resets(gateway: Gateway, customer: Customer) -> None:
    """Nothing held can come back, so a look is taken when the window ends, or in an hour or two."""
    make_cap(gateway, customer, HOLD_NANOS)
    settle_one(gateway, start_one(gateway, make_job(gateway, customer)), answer())
    job_id = make_job(gateway, customer)
    start(gateway, [job_id], WORKER)
    (row,) = look(gateway, "SELECT run_at - now() AS s FROM jobs WHERE id = :id", id=job_id)
    assert 1 < row.s.total_seconds() <= 7_200


@pytest.mark.parametrize("days", [-40, 40])
def test_a_workers_clock_says_nothing_of_a_cap(
    gateway: Gateway, customer: Customer, days: int
) -> None:
    """How long a job waits for its cap is counted by the database's clock."""
    make_cap(gateway, customer, HOLD_NANOS, period=Period.MONTH)
    settle_one(gateway, start_one(gateway, make_job(gateway, customer)), answer())
    wrong = replace(gateway, now=lambda: gateway.now() + timedelta(days=days), entropy=drawing(0))
    job_id = make_job(gateway, customer)
    (left,) = look(
        gateway,
        "SELECT extract(epoch FROM date_trunc('month', now()) + interval '1 month' - now()) AS s",
    )
    start(wrong, [job_id], WORKER)
    (row,) = look(gateway, "SELECT run_at - now() AS s FROM jobs WHERE id = :id", id=job_id)
    assert row.s.total_seconds() == pytest.approx(min(float(left.s), CAP_LOOK_S), abs=5)


def test_yesterdays_spending_does_not_count(gateway: Gateway, customer: Customer) -> None:
    """A new day has a window of its own, by the database's clock."""
    cap_id = make_cap(gateway, customer, HOLD_NANOS)
    settle_one(gateway, start_one(gateway, make_job(gateway, customer)), answer())
    change(
        gateway,
        "ALTER TABLE hold_caps DISABLE TRIGGER ALL; ALTER TABLE cap_windows DISABLE TRIGGER ALL;"
        " UPDATE cap_windows SET starts_on = starts_on - 1;"
        " UPDATE hold_caps SET starts_on = starts_on - 1;"
        " ALTER TABLE hold_caps ENABLE TRIGGER ALL; ALTER TABLE cap_windows ENABLE TRIGGER ALL",
    )
    start_one(gateway, make_job(gateway, customer))
    assert window(gateway, cap_id) == (HOLD_NANOS, COST_NANOS)


@pytest.mark.parametrize("on_empty", OnEmpty)
def test_what_never_fits_is_refused_for_good(
    gateway: Gateway, customer: Customer, on_empty: OnEmpty
) -> None:
    """A hold above the whole cap would wait for ever: it fails with 402, whoever waits."""
    make_cap(gateway, customer, HOLD_NANOS - 1)
    job_id = make_job(gateway, customer, on_empty=on_empty)
    start(gateway, [job_id], WORKER)
    row = job_row(gateway, job_id)
    assert (row.state, row.error_code, row.status_code) == ("failed", "request_exceeds_limit", 402)
    assert "$0.000254499 a day" in row.error_message


def test_another_keys_cap_binds_nobody_else(gateway: Gateway, customer: Customer) -> None:
    """A cap of a key is for that key, and one of another account for that account."""
    other = make_customer(gateway)
    make_cap(gateway, other, 0)
    cap_id = make_cap(gateway, customer, 0, scope=CapScope.KEY)
    change(gateway, "UPDATE caps SET subject_id = 'key_x' WHERE id = :id", id=cap_id)
    assert start_one(gateway, make_job(gateway, customer)).hold.caps == ()


def test_a_removed_cap_binds_nobody(gateway: Gateway, customer: Customer) -> None:
    """From its removal on holds are made without it; those under way still leave its window."""
    cap_id = make_cap(gateway, customer, HOLD_NANOS)
    started = start_one(gateway, make_job(gateway, customer))
    change(gateway, "UPDATE caps SET removed_at = now()")
    start_one(gateway, make_job(gateway, customer))
    settle_one(gateway, started, answer())
    assert window(gateway, cap_id) == (0, COST_NANOS)


def test_tokens_count_at_what_they_cost(gateway: Gateway) -> None:
    """A cap is of dollars, also where a lot of tokens pays."""
    owner = make_customer(gateway, "0")
    make_tokens(gateway, owner)
    cap_id = make_cap(gateway, owner, 1_000_000)
    started = start_one(gateway, make_job(gateway, owner))
    assert window(gateway, cap_id) == (209 * 2_000, 0)
    settle_one(gateway, started, answer(10, 20))
    assert window(gateway, cap_id) == (0, 30 * 2_000)


def test_many_at_once_never_pass_a_cap(gateway: Gateway, customer: Customer) -> None:
    """Of 40 jobs started by 8 threads exactly as many start as the cap has room for."""
    cap_id = make_cap(gateway, customer, 10 * HOLD_NANOS)
    make_cap(gateway, customer, 12 * HOLD_NANOS, scope=CapScope.KEY, period=Period.MONTH)
    ids = [make_job(gateway, customer) for _ in range(40)]
    parts = [ids[at::8] for at in range(8)]
    with ThreadPoolExecutor(8) as pool:
        started = sum(pool.map(lambda part: len(start(gateway, part, WORKER).started), parts))
    assert started == 10
    assert window(gateway, cap_id) == (10 * HOLD_NANOS, 0)
