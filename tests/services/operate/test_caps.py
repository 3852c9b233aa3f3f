"""Caps as operators set them: one per subject and period, which keeps what it counted."""

from collections.abc import Callable

import pytest

from app.domain.errors import NotFound
from app.domain.limits.cap import Period
from app.gateway import Gateway
from app.services.accounts import create_key
from app.services.operate.caps import caps_of, set_caps
from app.services.operate.trail import entries
from tests.factories import (
    Customer,
    answer,
    failure,
    make_customer,
    make_job,
    settle_one,
    start_one,
)
from tests.services.book import COST_NANOS, HOLD_NANOS, change
from tests.services.operate.conftest import ANN


def limits(gateway: Gateway, owner: Customer) -> dict[tuple[str, str], int]:
    """Return the caps in force, by scope and period."""
    found = caps_of(gateway, owner.account_id)
    return {(each.cap.scope, each.cap.period): each.cap.limit_nanos for each in found}


def test_caps_are_set_and_taken_away(gateway: Gateway, customer: Customer) -> None:
    """Each period by itself, for the account and for a key."""
    key_id = customer.caller.key_id
    both = {Period.DAY: 10, Period.MONTH: 100}
    set_caps(gateway, customer.account_id, None, both, actor=ANN)
    set_caps(gateway, customer.account_id, key_id, {Period.DAY: 5}, actor=ANN)
    assert limits(gateway, customer) == {
        ("account", "day"): 10,
        ("account", "month"): 100,
        ("key", "day"): 5,
    }
    set_caps(gateway, customer.account_id, None, {Period.DAY: None}, actor=ANN)
    assert limits(gateway, customer) == {("account", "month"): 100, ("key", "day"): 5}


def test_a_changed_cap_keeps_what_it_counted(gateway: Gateway, customer: Customer) -> None:
    """Raising a limit must not forget what was spent under it, nor must off and on again."""
    set_caps(gateway, customer.account_id, None, {Period.DAY: 10}, actor=ANN)
    (first,) = caps_of(gateway, customer.account_id)
    set_caps(gateway, customer.account_id, None, {Period.DAY: 20}, actor=ANN)
    (second,) = caps_of(gateway, customer.account_id)
    assert (second.cap.id, second.cap.limit_nanos) == (first.cap.id, 20)
    for nanos in (None, 30):
        set_caps(gateway, customer.account_id, None, {Period.DAY: nanos}, actor=ANN)
    (third,) = caps_of(gateway, customer.account_id)
    assert (third.cap.id, third.cap.limit_nanos) == (first.cap.id, 30)


def pay(gateway: Gateway, owner: Customer) -> None:
    """Have a job answered and paid for."""
    settle_one(gateway, start_one(gateway, make_job(gateway, owner)), answer())


def counted(gateway: Gateway, owner: Customer) -> list[tuple[int, int]]:
    """Return what the window of each cap holds and has spent."""
    return [(each.held_nanos, each.spent_nanos) for each in caps_of(gateway, owner.account_id)]


def test_a_new_cap_counts_what_was_spent_before(gateway: Gateway, customer: Customer) -> None:
    """A cap set at noon counts the morning; a key's the jobs of that key alone."""
    pay(gateway, customer)
    both = {Period.DAY: 10**9, Period.MONTH: 10**9}
    set_caps(gateway, customer.account_id, None, both, actor=ANN)
    assert counted(gateway, customer) == [(0, COST_NANOS)] * 2
    second = create_key(gateway, customer.account_id, "second").id
    for key_id, spent in ((second, 0), (customer.caller.key_id, COST_NANOS)):
        set_caps(gateway, customer.account_id, key_id, {Period.DAY: 10**9}, actor=ANN)
        (window,) = (w for w in caps_of(gateway, customer.account_id) if w.cap.subject_id == key_id)
        assert window.spent_nanos == spent


def test_off_and_on_again_forgets_nothing(gateway: Gateway, customer: Customer) -> None:
    """What was spent under it counts, and what was spent while it was off; each once."""
    day = {Period.DAY: 10**9}
    set_caps(gateway, customer.account_id, None, day, actor=ANN)
    pay(gateway, customer)
    started = start_one(gateway, make_job(gateway, customer))
    set_caps(gateway, customer.account_id, None, {Period.DAY: None}, actor=ANN)
    pay(gateway, customer)
    set_caps(gateway, customer.account_id, None, day, actor=ANN)
    assert counted(gateway, customer) == [(HOLD_NANOS, 2 * COST_NANOS)]
    settle_one(gateway, started, answer())
    assert counted(gateway, customer) == [(0, 3 * COST_NANOS)]


def test_yesterday_is_of_another_window(gateway: Gateway, customer: Customer) -> None:
    """A hold belongs to the day in which it was made, whenever the cap is set."""
    pay(gateway, customer)
    change(
        gateway,
        "ALTER TABLE holds DISABLE TRIGGER closed_holds_never_change;"
        " UPDATE holds SET created_at = date_trunc('day', now()) - interval '1 s';"
        " ALTER TABLE holds ENABLE TRIGGER closed_holds_never_change",
    )
    set_caps(gateway, customer.account_id, None, {Period.DAY: 10**9}, actor=ANN)
    assert counted(gateway, customer) == [(0, 0)]


def test_a_hold_between_two_attempts_is_counted(gateway: Gateway, customer: Customer) -> None:
    """Its next attempt learns of the cap, so what it holds leaves the window as it is settled."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), failure())
    set_caps(gateway, customer.account_id, None, {Period.DAY: 10**9}, actor=ANN)
    assert counted(gateway, customer) == [(HOLD_NANOS, 0)]
    change(gateway, "UPDATE jobs SET run_at = now()")
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert counted(gateway, customer) == [(0, COST_NANOS)]


def test_a_call_under_way_is_not_counted(gateway: Gateway, customer: Customer) -> None:
    """Its worker does not know of the cap: nothing is held in it that nobody would give back."""
    started = start_one(gateway, make_job(gateway, customer))
    set_caps(gateway, customer.account_id, None, {Period.DAY: 10**9}, actor=ANN)
    assert counted(gateway, customer) == [(0, 0)]
    settle_one(gateway, started, answer())
    assert counted(gateway, customer) == [(0, 0)]


def test_a_window_says_when_it_resets(gateway: Gateway, customer: Customer) -> None:
    """A day's at the next midnight, a month's with the next month, in UTC."""
    both = {Period.DAY: 10, Period.MONTH: 100}
    set_caps(gateway, customer.account_id, None, both, actor=ANN)
    day, month = caps_of(gateway, customer.account_id)
    assert (day.resets_at - gateway.now()).days == 0
    assert (month.starts_on.day, month.resets_at.day) == (1, 1)
    assert day.left_nanos == 10


def test_a_key_of_others_is_not_capped(
    gateway: Gateway, customer: Customer, audited: Callable[[Customer], list[str]]
) -> None:
    """Nothing is set, and nothing written down."""
    other = make_customer(gateway)
    with pytest.raises(NotFound, match="has no key"):
        set_caps(gateway, other.account_id, customer.caller.key_id, {Period.DAY: 1}, actor=ANN)
    assert audited(other) == []


def test_caps_are_written_down(gateway: Gateway, customer: Customer) -> None:
    """The audit has the limits as they were set."""
    changes = {Period.DAY: 10**9, Period.MONTH: None}
    set_caps(gateway, customer.account_id, None, changes, actor=ANN)
    (entry,) = entries(gateway, customer.account_id, after=None, limit=9)
    assert (entry.action, entry.details["day"], entry.details["month"]) == ("caps", "1.00", "off")
