"""Leases of jobs in flight, extended and checked together; and the one lease to lead."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import (
    Connection,
    Double,
    Engine,
    Integer,
    Text,
    and_,
    bindparam,
    func,
    select,
    text,
    update,
)

from app.store.prepared import Prepared, arrays, rows, seconds
from app.store.tables import IS_RUNNING, jobs

Session = Connection
"""The connection whose life is the lead's life."""

LEADER_LOCK: Final = 0x6275_7362_0001
"""Key of the session-level advisory lock the leading keeper holds."""


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


def take_lead(engine: Engine) -> Session | None:
    """Return a connection that holds the lead, or None when another process has it."""
    conn = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    won = False
    try:
        query = text("SELECT pg_try_advisory_lock(:key)")
        won = bool(conn.execute(query, {"key": LEADER_LOCK}).scalar())
    finally:
        if not won:
            conn.close()
    return conn if won else None


def confirm_lead(conn: Session) -> None:
    """Raise DBAPIError when the connection, and with it the lead, is gone."""
    conn.execute(text("SELECT 1"))


def drop_lead(conn: Session) -> None:
    """End the lead: the lock belongs to the session, so the session must end with it."""
    conn.invalidate()
    conn.close()


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
