"""Caps: windows in UTC, what is left in them, and which one refuses."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.limits.cap import (
    Cap,
    CapScope,
    Period,
    Window,
    reserve,
    smallest,
    window_start,
)

moments = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001  hypothesis gives them their zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def a_window(
    limit: int = 100,
    *,
    held: int = 0,
    spent: int = 0,
    period: Period = Period.DAY,
    starts_on: date = date(2026, 11, 23),
) -> Window:
    """Return a window of account acct_1."""
    cap = Cap(
        id=f"cap_{limit}_{period}",
        account_id="acct_1",
        scope=CapScope.ACCOUNT,
        subject_id="acct_1",
        period=period,
        limit_nanos=limit,
    )
    return Window(cap=cap, starts_on=starts_on, held_nanos=held, spent_nanos=spent)


@given(moments, st.sampled_from(Period))
def test_every_moment_is_in_one_window(at: datetime, period: Period) -> None:
    """A window holds the moment, and the next begins where it ends."""
    starts_on = window_start(period, at)
    window = a_window(period=period, starts_on=starts_on)
    assert datetime.combine(starts_on, datetime.min.time(), UTC) <= at < window.resets_at
    assert window_start(period, window.resets_at) == window.resets_at.date()
    assert window_start(period, window.resets_at - timedelta(microseconds=1)) == starts_on


@pytest.mark.parametrize(
    ("period", "starts_on", "resets_at"),
    [
        (Period.DAY, date(2026, 12, 31), datetime(2027, 1, 1, tzinfo=UTC)),
        (Period.DAY, date(2028, 2, 28), datetime(2028, 2, 29, tzinfo=UTC)),
        (Period.MONTH, date(2026, 12, 1), datetime(2027, 1, 1, tzinfo=UTC)),
        (Period.MONTH, date(2028, 2, 1), datetime(2028, 3, 1, tzinfo=UTC)),
    ],
)
def test_windows_end_at_midnight_utc(period: Period, starts_on: date, resets_at: datetime) -> None:
    """At ends of years and in leap years too."""
    assert a_window(period=period, starts_on=starts_on).resets_at == resets_at


def test_a_day_is_a_day_in_utc() -> None:
    """Whatever the zone a moment is told in."""
    late = datetime(2026, 11, 23, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert window_start(Period.DAY, late) == date(2026, 11, 24)


@given(st.integers(0, 100), st.integers(0, 120), st.integers(0, 100), st.integers(1, 100))
def test_a_window_never_gives_more_than_it_has(
    limit: int, held: int, spent: int, nanos: int
) -> None:
    """A reservation is made exactly when it fits beside what is held and spent."""
    window = a_window(limit, held=held, spent=spent)
    taken = reserve([window], nanos)
    if limit - held - spent >= nanos:
        assert taken == [a_window(limit, held=held + nanos, spent=spent)]
    else:
        assert taken == window


def test_all_windows_must_have_room() -> None:
    """Where several refuse, the one that is longest in the way is named."""
    month = a_window(50, spent=45, period=Period.MONTH, starts_on=date(2026, 11, 1))
    day = a_window(10, spent=5)
    assert reserve([day, month], 6) == month
    assert reserve([day, a_window(99)], 6) == day
    assert reserve([], 6) == []


def test_what_comes_back_by_itself_refuses_last() -> None:
    """A window that is only held full is named where no other one is in the way for longer."""
    held = a_window(10, held=5, period=Period.MONTH, starts_on=date(2026, 11, 1))
    spent = a_window(10, spent=5)
    assert held.may_fit(6)
    assert not spent.may_fit(6)
    assert reserve([held, spent], 6) == spent
    assert reserve([held], 6) == held


def test_the_smallest_cap_says_what_never_fits() -> None:
    """The lowest limit of all that bind."""
    assert smallest([a_window(50), a_window(10), a_window(70)]) == a_window(10)
    assert smallest([]) is None


def test_a_cap_binds_its_subject() -> None:
    """An account's cap binds all its keys, a key's only that one, and neither other accounts."""
    of_account = a_window().cap
    of_key = Cap(
        id="cap_k",
        account_id="acct_1",
        scope=CapScope.KEY,
        subject_id="key_1",
        period=Period.DAY,
        limit_nanos=1,
    )
    assert of_account.binds("acct_1", "key_2")
    assert not of_account.binds("acct_2", "key_2")
    assert of_key.binds("acct_1", "key_1")
    assert not of_key.binds("acct_1", "key_2")
