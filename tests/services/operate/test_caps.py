"""Caps as operators set them: one per subject and period, which keeps what it counted."""

from collections.abc import Callable

import pytest

from app.domain.errors import NotFound
from app.domain.limits.cap import Period
from app.gateway import Gateway
from app.services.operate.caps import caps_of, set_caps
from app.services.operate.trail import entries
from tests.factories import Customer, make_customer
from tests.services.book import change
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
    """Raising a limit must not forget what was spent under it; a new cap begins at nothing."""
    set_caps(gateway, customer.account_id, None, {Period.DAY: 10}, actor=ANN)
    (first,) = caps_of(gateway, customer.account_id)
    change(
        gateway,
        "INSERT INTO cap_windows (cap_id, starts_on) VALUES (:id, :day)",
        id=first.cap.id,
        day=first.starts_on,
    )
    set_caps(gateway, customer.account_id, None, {Period.DAY: 20}, actor=ANN)
    (second,) = caps_of(gateway, customer.account_id)
    assert (second.cap.id, second.cap.limit_nanos) == (first.cap.id, 20)
    for nanos in (None, 30):
        set_caps(gateway, customer.account_id, None, {Period.DAY: nanos}, actor=ANN)
    (third,) = caps_of(gateway, customer.account_id)
    assert third.cap.id != first.cap.id


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
