"""Days of a summary, and the order of its buckets."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.ids import ENTROPY_BYTES, new_id
from app.domain.usage.summary import (
    BUCKETS_MAX,
    DAYS_MAX,
    Bucket,
    Days,
    Grouping,
    Sums,
    first_id,
    summed,
    window,
)

TODAY = date(2026, 11, 23)
ONE = Days(first=TODAY, last=TODAY)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  hypothesis adds the zone


@given(moment=MOMENTS, entropy=st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES))
def test_ids_lie_within_their_day(moment: datetime, entropy: bytes) -> None:
    """A job's id tells its day in UTC: not before that day's first id, and before the next's."""
    day = moment.date()
    job_id = new_id("job", moment, entropy)
    assert first_id(day) <= job_id < first_id(day + timedelta(days=1))


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [(None, None, 30), (TODAY, None, 1), (None, TODAY, 30), (date(2026, 11, 1), TODAY, 23)],
)
def test_a_window_is_filled_up(first: date | None, last: date | None, days: int) -> None:
    """What is not said makes thirty days, but none that is still to come."""
    found = window(first, last, today=TODAY)
    assert (len(found), found.last) == (days, TODAY)


def test_a_window_may_lie_ahead() -> None:
    """It is empty then, and no error: a script may ask for its own tomorrow."""
    ahead = TODAY + timedelta(days=3)
    assert window(ahead, None, today=TODAY) == Days(first=ahead, last=ahead)


@pytest.mark.parametrize(
    ("days", "says"), [(DAYS_MAX, "too many"), (-1, "is after"), (-2, "is after")]
)
def test_a_window_that_cannot_be_says_why(days: int, says: str) -> None:
    """One day more than there may be, and an end one or more days before the beginning."""
    with pytest.raises(ValueError, match=says):
        window(TODAY, TODAY + timedelta(days=days), today=TODAY)


def test_buckets_have_an_order() -> None:
    """Days follow each other; instruments come by what they cost, then by name."""
    costs = {"b": 1, "a": 1, "c": 2}
    buckets = [Bucket(name=name, sums=Sums(cost_nanos=cost)) for name, cost in costs.items()]
    assert [each.name for each in summed(ONE, Grouping.DAY, buckets).buckets] == ["a", "b", "c"]
    assert [each.name for each in summed(ONE, Grouping.KEY, buckets).buckets] == ["c", "a", "b"]


def test_totals_count_what_is_not_shown() -> None:
    """A hundred buckets are shown, and it is said that there are more."""
    buckets = [Bucket(name=f"{n:03}", sums=Sums(jobs=1)) for n in range(BUCKETS_MAX + 1)]
    found = summed(ONE, Grouping.MODEL, buckets)
    assert (len(found.buckets), found.totals.jobs, found.has_more) == (BUCKETS_MAX, 101, True)
