"""Ending jobs that wait for nobody: their cancellation was asked for, or their only client left."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from app.domain.errors import JobCancelled
from app.domain.job import JobState
from app.store.prepared import seconds
from app.store.tables import IS_RUNNABLE, STILL_RUNNABLE, jobs, number


def end(conn: Connection, job_ids: Sequence[str], *, grace_s: float) -> list[str]:
    """End those of `job_ids` that would go on although nobody wants them; return which."""
    is_unwanted = or_(jobs.c.cancel_requested_at.is_not(None), _is_left(grace_s))
    return _end(conn, jobs.c.id.in_(job_ids), is_unwanted)


def end_left(conn: Connection, limit: int, *, grace_s: float) -> list[str]:
    """End up to `limit` jobs that wait although all clients of their stream are gone."""
    left = (
        select(jobs.c.id)
        .where(IS_RUNNABLE, _is_left(grace_s))
        .order_by(jobs.c.client_left_at)
        .limit(number(limit))
        .with_for_update(skip_locked=True, key_share=True)
        .cte("left_jobs")
    )
    return _end(conn, jobs.c.id == left.c.id)


def _is_left(grace_s: float) -> ColumnElement[bool]:
    """Who comes again within the grace has not left."""
    return jobs.c.client_left_at < func.now() - seconds(grace_s)


def _end(conn: Connection, *which: ColumnElement[bool]) -> list[str]:
    result = conn.execute(
        update(jobs)
        .where(STILL_RUNNABLE, *which)
        .values(
            state=JobState.CANCELLED,
            reason=None,
            finished_at=func.now(),
            error_code=JobCancelled.code,
            error_message=JobCancelled().message,
        )
        .returning(jobs.c.id)
    )
    return sorted(row.id for row in result)
