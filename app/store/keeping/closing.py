"""Days whose jobs are all over, summed up once and for good."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Date,
    Integer,
    Text,
    bindparam,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.domain.usage.summary import ONE_DAY, Sums, first_id
from app.store.prepared import Prepared, records, rows
from app.store.tables import jobs, number, usage_closed_days, usage_days
from app.store.usage.days import SUMMED, added_up, to_sums

JOBS_MAX: Final = 20_000
"""Jobs one step looks at."""

SETTLED_H: Final = 2
"""Hours after its end that a day can be closed: so far a submitter's clock may lag behind the
database's, and still name its jobs in time to be summed up."""

Owner = tuple[str, str, str]
"""An account, an instrument and a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What some jobs of a day come to. `last_id`: go on after it; None at the day's end."""

    sums: Mapping[Owner, Sums]
    last_id: str | None
    is_unfinished: bool


def next_day(conn: Connection, after: date | None) -> date | None:
    """Return the first day after `after` that has ended and is not closed, by the database's time.

    None when there is no such day, or no job yet.
    """
    return conn.execute(_NEXT, {"after": after}).scalar_one_or_none()


def look(conn: Connection, day: date, after: str | None) -> Step:
    """Sum up the next jobs of a day, those after the id `after`."""
    found = _LOOK(
        conn, since=first_id(day), after=after or "", before=first_id(day + ONE_DAY), most=JOBS_MAX
    )
    seen = sum(row.jobs for row in found)
    return Step(
        sums={(row.account_id, row.instrument, row.key_id): to_sums(row) for row in found},
        last_id=max(row.last_id for row in found) if seen == JOBS_MAX else None,
        is_unfinished=any(row.is_unfinished for row in found),
    )


def close(conn: Connection, day: date, sums: Mapping[Owner, Sums]) -> bool:
    """Write the sums of a day; False when somebody did before. All of them in one transaction."""
    closed = conn.execute(
        pg_insert(usage_closed_days)
        .values(day=day)
        .on_conflict_do_nothing()
        .returning(usage_closed_days.c.day)
    )
    if closed.first() is None:
        return False
    entries = [
        (*owner, *[getattr(each, name) for name in (*SUMMED, "cost_nanos")])
        for owner, each in sums.items()
    ]
    _WRITE(conn, day=day, **records("u", entries, *_OWNER, *SUMMED, "cost_nanos"))
    return True


_OWNER: Final = ("account_id", "instrument", "key_id")


def _next() -> Any:
    oldest = (
        select(func.date(jobs.c.created_at) - number(1))
        .order_by(jobs.c.id)
        .limit(1)
        .scalar_subquery()
    )
    ended = func.date(func.now() - literal_column(f"interval '{SETTLED_H} hours'"))
    since = func.greatest(oldest, bindparam("after", type_=Date()) + number(1))
    each = func.generate_series(since, ended - number(1), literal_column("interval '1 day'"))
    days = select(func.date(each.column_valued("each")).label("day")).subquery("days")
    closed = select(usage_closed_days.c.day).where(usage_closed_days.c.day == days.c.day)
    return select(days.c.day).where(~closed.exists()).order_by(days.c.day).limit(1)


def _look() -> Prepared:
    step = (
        select(jobs)
        .where(jobs.c.id >= bindparam("since", type_=Text()))
        .where(jobs.c.id > bindparam("after", type_=Text()))
        .where(jobs.c.id < bindparam("before", type_=Text()))
        .order_by(jobs.c.id)
        .limit(bindparam("most", type_=Integer()))
        .subquery("step")
    )
    return Prepared(
        select(
            *[step.c[name] for name in _OWNER],
            *added_up(step),
            func.max(step.c.id).label("last_id"),
            func.bool_or(step.c.finished_at.is_(None)).label("is_unfinished"),
        ).group_by(*[step.c[name] for name in _OWNER])
    )


def _write() -> Prepared:
    numbers = dict.fromkeys((*SUMMED, "cost_nanos"), BigInteger())
    u = rows("u", account_id=Text(), instrument=Text(), key_id=Text(), **numbers)
    names = [*_OWNER, *SUMMED, "cost_nanos"]
    values = select(bindparam("day", type_=Date()), *[u.c[name] for name in names])
    return Prepared(insert(usage_days).from_select(["day", *names], values))


_NEXT: Final = _next()
_LOOK: Final = _look()
_WRITE: Final = _write()
