"""Usage by day: the sums of closed days, and those of open ones from the jobs themselves."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    FromClause,
    Text,
    and_,
    bindparam,
    collate,
    func,
    select,
    tuple_,
    union_all,
)

from app.domain.usage.summary import ONE_DAY, Bucket, Days, Grouping, Sums, first_id
from app.store.prepared import Prepared, records, rows
from app.store.tables import jobs, number, usage_closed_days, usage_days, word

SUMMED: Final = ("jobs", "succeeded", *("input_tokens", "output_tokens", "cached_tokens"))
"""What is added up beside `cost_nanos`."""


def sums(conn: Connection, account_id: str, days: Days, grouping: Grouping) -> list[Bucket]:
    """Return what an account's jobs of these days come to, each bucket once.

    One statement, so that a day which is closed meanwhile counts once.
    """
    bounds = [(day, first_id(day), first_id(day + ONE_DAY)) for day in days]
    found = _SUMS[grouping](conn, account_id=account_id, **records("d", bounds, *_BOUNDS))
    return [Bucket(name=str(row.name), sums=to_sums(row)) for row in found]


def added_up(some: FromClause) -> Sequence[ColumnElement[Any]]:
    """Return the columns that add some jobs up."""
    return (
        func.count().label("jobs"),
        func.count().filter(some.c.state == word("succeeded")).label("succeeded"),
        *[
            func.coalesce(func.sum(some.c[name]), number(0)).label(name)
            for name in ("input_tokens", "output_tokens", "cached_tokens", "cost_nanos")
        ],
    )


def to_sums(row: Any) -> Sums:
    """Turn a row of sums, which Postgres makes of any size, into numbers."""
    return Sums(**{name: int(getattr(row, name)) for name in (*SUMMED, "cost_nanos")})


_BOUNDS: Final = ("day", "from_id", "to_id")


def _sums(grouping: Grouping) -> Prepared:
    asked = rows("d", day=Date(), from_id=Text(), to_id=Text())
    account_id = bindparam("account_id", type_=Text())
    closed = (
        select(usage_days.c.day, usage_days.c.instrument, usage_days.c.key_id)
        .add_columns(*[usage_days.c[name] for name in (*SUMMED, "cost_nanos")])
        .join(usage_closed_days, usage_closed_days.c.day == usage_days.c.day)
        .join(asked, asked.c.day == usage_days.c.day)
        .where(usage_days.c.account_id == account_id)
    )
    is_closed = select(usage_closed_days.c.day).where(usage_closed_days.c.day == asked.c.day)
    # Compared as pairs, so that only the index by account can answer: a range of ids alone would
    # read the jobs of every account.
    of_account = tuple_(jobs.c.account_id, jobs.c.id)
    within = and_(
        of_account >= tuple_(account_id, collate(asked.c.from_id, "C")),
        of_account < tuple_(account_id, collate(asked.c.to_id, "C")),
    )
    live = (
        select(asked.c.day, jobs.c.instrument, jobs.c.key_id, *added_up(jobs))
        .join(asked, within)
        .where(~is_closed.exists())
        .group_by(asked.c.day, jobs.c.instrument, jobs.c.key_id)
    )
    both = union_all(closed, live).subquery("both")
    name = {
        Grouping.DAY: both.c.day,
        Grouping.MODEL: both.c.instrument,
        Grouping.KEY: both.c.key_id,
    }[grouping]
    totals = [func.sum(both.c[each]).label(each) for each in (*SUMMED, "cost_nanos")]
    return Prepared(select(name.label("name"), *totals).group_by(name))


_SUMS: Final = {grouping: _sums(grouping) for grouping in Grouping}
