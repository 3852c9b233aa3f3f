"""What the keeper does to jobs nobody carries: ring, recover, expire."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Subquery,
    Text,
    case,
    func,
    or_,
    select,
    union_all,
    update,
)

from app.domain.attempt import AttemptState
from app.domain.errors import DeadlinePassed, InsufficientBalance
from app.domain.job import JobState, Lane
from app.store.prepared import Prepared, records, rows, seconds
from app.store.tables import IS_RUNNABLE, IS_RUNNING, attempts, jobs, number

WORKER_DEATHS_MAX: Final = 3
"""A job that took this many workers with it is poison and fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A job the keeper moved, and where to."""

    id: str
    lane: Lane
    state: JobState


def take_due(conn: Connection, lane: Lane, limit: int) -> list[str]:
    """Mark up to `limit` due jobs of a lane as nudged, oldest first, and return their ids."""
    due = _some(
        select(jobs.c.id)
        .where(IS_RUNNABLE, jobs.c.nudged_at.is_(None))
        .where(jobs.c.lane == lane, jobs.c.run_at <= func.now())
        .order_by(jobs.c.run_at, jobs.c.id),
        limit,
    )
    statement = update(jobs).where(jobs.c.id == due.c.id).values(nudged_at=func.now())
    return sorted(row.id for row in conn.execute(statement.returning(jobs.c.id)))


def due(conn: Connection, lane: Lane, limit: int) -> list[str]:
    """Return up to `limit` due jobs of a lane, oldest first, without marking them."""
    found = _due(lane, limit)
    query = select(found.c.id).order_by(found.c.run_at, found.c.id).limit(number(limit))
    return [row.id for row in conn.execute(query)]


def oldest_due_s(conn: Connection, lane: Lane) -> float:
    """Return how long the oldest due job of a lane has been waiting, in seconds; 0 for none."""
    oldest = func.min(_due(lane, 1).c.run_at)
    waited = func.extract("epoch", func.now() - oldest)
    return float(conn.execute(select(func.coalesce(waited, 0))).scalar_one())


def count_due(conn: Connection, lane: Lane, most: int) -> int:
    """Count due jobs of a lane; stops counting at `most`."""
    return _count(conn, select(_due(lane, most).c.id), most)


def count_running(conn: Connection, most: int) -> int:
    """Count leased jobs; stops counting at `most`."""
    return _count(conn, select(jobs.c.id).where(IS_RUNNING), most)


def outstanding(conn: Connection, lane: Lane, limit: int) -> int:
    """Count jobs that were rung for and not claimed yet; stops counting at `limit`."""
    nudged = select(jobs.c.id).where(
        IS_RUNNABLE, jobs.c.nudged_at.is_not(None), jobs.c.lane == lane
    )
    return _count(conn, nudged, limit)


def forget_nudges(conn: Connection, lane: Lane, *, older_s: float, limit: int) -> int:
    """Take back nudges that nobody answered for `older_s`; the dispatcher rings again."""
    stale = _some(
        select(jobs.c.id)
        .where(IS_RUNNABLE, jobs.c.lane == lane)
        .where(jobs.c.nudged_at < func.now() - seconds(older_s))
        .order_by(jobs.c.nudged_at),
        limit,
    )
    return conn.execute(update(jobs).where(jobs.c.id == stale.c.id).values(nudged_at=None)).rowcount


def recover_lapsed(conn: Connection, limit: int) -> list[Moved]:
    """Take jobs from workers that have gone quiet: back to the queue, or to their end."""
    lapsed = _some(
        select(jobs.c.id)
        .where(IS_RUNNING, jobs.c.leased_until < func.now())
        .order_by(jobs.c.leased_until),
        limit,
    )
    poison = jobs.c.worker_deaths + 1 >= WORKER_DEATHS_MAX
    cancelled = jobs.c.cancel_requested_at.is_not(None)
    late = jobs.c.deadline_at < func.now()
    ends = or_(poison, cancelled, late)
    result = conn.execute(
        update(jobs)
        .where(jobs.c.id == lapsed.c.id)
        .values(
            state=case(
                (cancelled, JobState.CANCELLED),
                (late, JobState.EXPIRED),
                (poison, JobState.FAILED),
                else_=JobState.QUEUED,
            ),
            worker_deaths=jobs.c.worker_deaths + 1,
            leased_until=None,
            worker_id=None,
            run_at=func.now(),
            nudged_at=None,
            finished_at=case((ends, func.now())),
            error_code=_first(
                cancelled, "job_cancelled", late, "deadline_passed", poison, "worker_lost"
            ),
            error_message=_first(
                cancelled,
                "The job was cancelled.",
                late,
                "The job's deadline passed before an answer was ready.",
                poison,
                "Three workers died while they carried this job; it is not tried again.",
            ),
        )
        .returning(jobs.c.id, jobs.c.lane, jobs.c.state, jobs.c.attempt)
    ).all()
    _close_attempts(conn, [(row.id, row.attempt) for row in result])
    return [_moved(row) for row in result]


def expire(conn: Connection, limit: int) -> list[Moved]:
    """End jobs that wait past their deadline; a running one is ended by its worker.

    One that waited for its balance until then has failed for the lack of it.
    """
    broke = jobs.c.reason == "balance"
    late = _some(
        select(jobs.c.id)
        .where(IS_RUNNABLE, jobs.c.deadline_at < func.now())
        .order_by(jobs.c.deadline_at),
        limit,
    )
    result = conn.execute(
        update(jobs)
        .where(jobs.c.id == late.c.id)
        .values(
            state=case((broke, JobState.FAILED.value), else_=JobState.EXPIRED.value),
            reason=None,
            finished_at=func.now(),
            status_code=case((broke, 402)),
            error_code=case((broke, InsufficientBalance.code), else_=DeadlinePassed.code),
            error_message=case(
                (broke, f"{InsufficientBalance.__doc__}"), else_=f"{DeadlinePassed.__doc__}"
            ),
        )
        .returning(jobs.c.id, jobs.c.lane, jobs.c.state)
    )
    return [_moved(row) for row in result]


def _due(lane: Lane, limit: int) -> Subquery:
    """The oldest due jobs of a lane, up to `limit` of those rung for and of those not.

    Each half has an index of its own; asked for both at once, Postgres reads the whole backlog.
    """
    halves = [
        select(jobs.c.id, jobs.c.run_at)
        .where(IS_RUNNABLE, is_rung, jobs.c.lane == lane, jobs.c.run_at <= func.now())
        .order_by(jobs.c.run_at, jobs.c.id)
        .limit(number(limit))
        .subquery()
        for is_rung in (jobs.c.nudged_at.is_(None), jobs.c.nudged_at.is_not(None))
    ]
    return union_all(*[select(half) for half in halves]).subquery("due")


def _count(conn: Connection, query: Select[Any], most: int) -> int:
    rows_found = query.limit(number(most)).subquery()
    return conn.execute(select(func.count()).select_from(rows_found)).scalar_one()


def _some(query: Select[Any], limit: int) -> CTE:
    """Up to `limit` rows of a query on jobs, locked; rows somebody else works on are left out.

    A CTE and not `IN (SELECT …)`: that one may be run again for each row of the other side, and
    then locks other rows each time, past its limit.
    """
    locked = query.limit(number(limit)).with_for_update(skip_locked=True, key_share=True)
    return locked.cte("some")


def _first(*pairs: Any) -> ColumnElement[Any]:
    whens: Sequence[tuple[Any, Any]] = list(zip(pairs[::2], pairs[1::2], strict=True))
    return case(*whens)


def _moved(row: Any) -> Moved:
    return Moved(id=row.id, lane=Lane(row.lane), state=JobState(row.state))


def _close_attempts(conn: Connection, open_attempts: Sequence[tuple[str, int]]) -> None:
    if open_attempts:
        _LOSE_ATTEMPTS(conn, **records("l", open_attempts, "job_id", "number"))


def _lose_attempts() -> Prepared:
    lost = rows("l", job_id=Text(), number=Integer())
    return Prepared(
        update(attempts)
        .where(attempts.c.job_id == lost.c.job_id, attempts.c.number == lost.c.number)
        .where(attempts.c.state == AttemptState.OPEN.value)
        .values(state=AttemptState.LOST.value, finished_at=func.now())
    )


_LOSE_ATTEMPTS: Final = _lose_attempts()
