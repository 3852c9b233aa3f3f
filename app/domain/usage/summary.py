"""Usage summed up over days: by day, by instrument or by key."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from app.domain.ids import ENTROPY_BYTES, new_id

ONE_DAY: Final = timedelta(days=1)
DAYS_MAX: Final = 31
DAYS_DEFAULT: Final = 30
BUCKETS_MAX: Final = 100


class Grouping(StrEnum):
    """What a summary has a bucket for."""

    DAY = "day"
    MODEL = "model"
    KEY = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What some jobs come to; `cost_nanos` is what their buyer paid."""

    jobs: int = 0
    succeeded: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_nanos: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            jobs=self.jobs + other.jobs,
            succeeded=self.succeeded + other.succeeded,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            cost_nanos=self.cost_nanos + other.cost_nanos,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What the jobs of one day, instrument or key come to."""

    name: str
    sums: Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Usage over some days. `has_more`: there are buckets beside the ones that are shown."""

    days: "Days"
    grouping: Grouping
    buckets: tuple[Bucket, ...]
    totals: Sums
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Whole days in UTC, both ends included."""

    first: date
    last: date

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[date]:
        return (self.first + ONE_DAY * number for number in range(len(self)))


def window(first: date | None, last: date | None, *, today: date) -> Days:
    """Return the days of a summary; what is not asked for is chosen to make 30 of them.

    Raises ValueError with a sentence for days that end before they begin, and for too many.
    """
    rest = ONE_DAY * (DAYS_DEFAULT - 1)
    if last is None:
        last = today if first is None else max(first, min(today, first + rest))
    days = Days(first=last - rest if first is None else first, last=last)
    if days.last < days.first:
        raise ValueError(f"from: {days.first} is after {days.last}, where `to` ends")
    if len(days) > DAYS_MAX:
        raise ValueError(f"from: {len(days)} days are too many at once; ask for {DAYS_MAX} at most")
    return days


def summed(days: Days, grouping: Grouping, buckets: Iterable[Bucket]) -> Summary:
    """Make a summary: days in their order, other buckets by their cost, the dearest first."""
    found = sorted(buckets, key=lambda each: each.name)
    if grouping is not Grouping.DAY:
        found.sort(key=lambda each: each.sums.cost_nanos, reverse=True)
    return Summary(
        days=days,
        grouping=grouping,
        buckets=tuple(found[:BUCKETS_MAX]),
        totals=sum((each.sums for each in found), Sums()),
        has_more=len(found) > BUCKETS_MAX,
    )


def first_id(day: date) -> str:
    """Return an id that none of the jobs submitted on that day, in UTC, comes before."""
    return id_at(datetime.combine(day, time(), UTC))


def id_at(moment: datetime) -> str:
    """Return an id that no job submitted at that moment or later comes before."""
    return new_id("job", moment, bytes(ENTROPY_BYTES))
