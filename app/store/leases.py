"""Leases of jobs in flight: extended together, checked together."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Double, Integer, Text, and_, bindparam, func, select, update

from app.store.prepared import Prepared, arrays, rows, seconds
from app.store.tables import IS_RUNNING, jobs


def extend(conn: Connection, in_flight: Sequence[tuple[str, int]], lease_s: float) -> set[str]:
    """Extend the leases of these (job id, attempt) pairs; return the ids that are not ours now.

    Rows that are being settled at this moment are left alone: they need no more time.
    """
    _EXTEND(conn, **arrays("f", in_flight, "id", "attempt"), lease_s=lease_s)
    ours = {row.id for row in _OURS(conn, **arrays("f", in_flight, "id", "attempt"))}
    return {job_id for job_id, _ in in_flight} - ours


def to_cancel(conn: Connection, worker_id: str) -> list[str]:
    """Return the jobs this worker runs that somebody wants cancelled."""
    return [row.id for row in _TO_CANCEL(conn, worker_id=worker_id)]


def _in_flight() -> tuple[Prepared, Prepared]:
    mine = rows("f", id=Text(), attempt=Integer())
    held = and_(jobs.c.id == mine.c.id, jobs.c.attempt == mine.c.attempt)
    locked = (
        select(jobs.c.id)
        .join(mine, held)
        .where(IS_RUNNING)
        .order_by(jobs.c.id)
        .with_for_update(of=jobs, skip_locked=True, key_share=True)
        .cte("locked")
    )
    extend_leases = (
        update(jobs)
        .where(jobs.c.id == locked.c.id)
        .values(leased_until=func.now() + seconds(bindparam("lease_s", type_=Double())))
    )
    ours = select(jobs.c.id).join(mine, held).where(IS_RUNNING)
    return Prepared(extend_leases), Prepared(ours)


_EXTEND, _OURS = _in_flight()
_TO_CANCEL: Final = Prepared(
    select(jobs.c.id).where(
        jobs.c.worker_id == bindparam("worker_id", type_=Text()),
        IS_RUNNING,
        jobs.c.cancel_requested_at.is_not(None),
    )
)
