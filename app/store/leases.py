"""Leases of jobs in flight, extended and checked together; and the one lease to lead."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import (
    Connection,
    DateTime,
    Double,
    Engine,
    Integer,
    Text,
    and_,
    bindparam,
    false,
    func,
    select,
    text,
    true,
    union_all,
    update,
)
from sqlalchemy.exc import DBAPIError

from app.store.prepared import Prepared, records, rows, seconds
from app.store.tables import IS_RUNNING, STILL_RUNNING, jobs, number

Session = Connection
"""The connection whose life is the lead's life."""

SPARED_MAX: Final = 2_000
"""Leases one statement spares."""

LEADER_LOCK: Final = 0x6275_7362_0001
"""Key of the session-level advisory lock the leading keeper holds."""

LEAD_IDLE_S: Final = 30
"""How long a leader may ask nothing, which it does every second, before the server lets another
one lead: a process that hangs keeps its connections. (PostgreSQL 14 or later.)"""


def extend(conn: Connection, in_flight: Sequence[tuple[str, int]], lease_s: float) -> set[str]:
    """Extend the leases of these (job id, attempt) pairs; return the ids that are not ours now.

    Rows that are being settled at this moment are left alone: they need no more time.
    """
    _EXTEND(conn, **records("f", in_flight, "id", "attempt"), lease_s=lease_s)
    ours = {row.id for row in _OURS(conn, **records("f", in_flight, "id", "attempt"))}
    return {job_id for job_id, _ in in_flight} - ours


def spare(conn: Connection, for_s: float) -> int:
    """Let no lease end within the next `for_s` seconds; return how many were given more time.

    Rows somebody works on are left out: their worker lives.
    """
    until = conn.execute(select(func.now() + seconds(for_s))).scalar_one()
    spared = 0
    while step := _SPARE(conn, until=until).rowcount:
        spared += step
    return spared


def unwanted(conn: Connection, worker_id: str, *, grace_s: float) -> tuple[list[str], list[str]]:
    """Return the jobs this worker runs that somebody cancelled, and those whose client left.

    A client that comes again within `grace_s` has not left.
    """
    found = _UNWANTED(conn, worker_id=worker_id, grace_s=grace_s)
    return [row.id for row in found if row.cancelled], [
        row.id for row in found if not row.cancelled
    ]


def take_lead(engine: Engine) -> Session | None:
    """Return a connection that holds the lead, or None when another process has it."""
    conn = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    won = False
    try:
        # One statement, so that nobody leads who could hang for ever.
        query = text(
            "SELECT set_config('idle_session_timeout', :idle, false)"
            " WHERE pg_try_advisory_lock(:key)"
        )
        answer = conn.execute(query, {"key": LEADER_LOCK, "idle": f"{LEAD_IDLE_S}s"})
        won = answer.first() is not None
    except DBAPIError:
        conn.invalidate()  # it may hold the lock all the same
        raise
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
        .where(STILL_RUNNING)
        .order_by(jobs.c.id)
        .with_for_update(of=jobs, skip_locked=True, key_share=True)
        .cte("locked")
    )
    extend_leases = (
        update(jobs)
        .where(jobs.c.id == locked.c.id)
        .values(leased_until=func.now() + seconds(bindparam("lease_s", type_=Double())))
    )
    ours = select(jobs.c.id).join(mine, held).where(STILL_RUNNING)
    return Prepared(extend_leases), Prepared(ours)


def _unwanted() -> Prepared:
    mine = jobs.c.worker_id == bindparam("worker_id", type_=Text())
    cancelled = jobs.c.cancel_requested_at.is_not(None)
    grace = seconds(bindparam("grace_s", type_=Double()))
    left = jobs.c.client_left_at < func.now() - grace
    # Two looks, so that each finds its own partial index.
    return Prepared(
        union_all(
            select(jobs.c.id, true().label("cancelled")).where(mine, IS_RUNNING, cancelled),
            select(jobs.c.id, false()).where(mine, IS_RUNNING, left, ~cancelled),
        )
    )


def _spare() -> Prepared:
    until = bindparam("until", type_=DateTime(timezone=True))
    short = (
        select(jobs.c.id)
        .where(IS_RUNNING, jobs.c.leased_until < until)
        .order_by(jobs.c.leased_until)
        .limit(number(SPARED_MAX))
        .with_for_update(skip_locked=True, key_share=True)
        .cte("short")
    )
    return Prepared(update(jobs).where(jobs.c.id == short.c.id).values(leased_until=until))


_EXTEND, _OURS = _in_flight()
_SPARE: Final = _spare()
_UNWANTED: Final = _unwanted()
