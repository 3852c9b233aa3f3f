"""What an account spent before a cap came into force, counted under it.

Holds that were made without the cap are entered in its window of now as if they had been made under
it: those that are closed, and those that no worker carries, whose next attempt learns of the cap. A
worker that carries a job now would settle it without looking at the window.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Text,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.domain.limits.cap import CapScope
from app.domain.usage.summary import first_id
from app.store.engine import patient
from app.store.operating.caps import STARTS_ON
from app.store.tables import IS_OPEN, IS_RUNNABLE, cap_windows, caps, hold_caps, holds, jobs

JOB_AGE_MAX: Final = timedelta(days=8)
"""No job is older when its hold is made: a deadline is at most a week off, and clocks differ."""

COUNTING_S: Final = 120
"""How long the count may take: a month may have millions of jobs."""


def count(conn: Connection, account_id: str, cap_ids: Sequence[str]) -> None:
    """Count what was spent and is held in the windows of now, as far as it has not been counted.

    Jobs are locked before windows, and windows by their ids, as everywhere.
    """
    conn.exec_driver_sql(f"SET LOCAL statement_timeout = '{COUNTING_S}s'")
    with patient(conn):
        pending = _pending(conn, account_id)
        for cap_id in sorted(cap_ids):
            _count(conn, cap_id, pending)


def _pending(conn: Connection, account_id: str) -> list[str]:
    """Lock and return the jobs with a hold that wait for their next attempt."""
    query = (
        select(jobs.c.id)
        .join(holds, holds.c.job_id == jobs.c.id)
        .where(holds.c.account_id == account_id, IS_OPEN, IS_RUNNABLE)
        .order_by(jobs.c.id)
        .with_for_update(of=jobs, key_share=True, skip_locked=True)
    )
    return [row.id for row in conn.execute(query)]


def _count(conn: Connection, cap_id: str, pending: Sequence[str]) -> None:
    """Enter holds in a cap's window of now: those that were not made under it."""
    cap = conn.execute(select(caps, STARTS_ON.label("since")).where(caps.c.id == cap_id)).one()
    conn.execute(
        pg_insert(cap_windows).values(cap_id=cap_id, starts_on=cap.since).on_conflict_do_nothing()
    )
    spent = holds.c.captured_nanos + holds.c.overrun_nanos
    entered = select(hold_caps).where(hold_caps.c.job_id == jobs.c.id, hold_caps.c.cap_id == cap_id)
    waiting = literal(list(pending), ARRAY(Text()))
    missing = (
        select(jobs.c.id, literal(cap_id), literal(cap.since))
        .join(holds, holds.c.job_id == jobs.c.id)
        .where(jobs.c.account_id == cap.account_id, jobs.c.id >= first_id(cap.since - JOB_AGE_MAX))
        .where(holds.c.created_at >= cap.since)
        .where(or_(spent > 0, jobs.c.id == func.any(waiting)), ~entered.exists())
    )
    if cap.scope == CapScope.KEY:
        missing = missing.where(jobs.c.key_id == cap.subject_id)
    counted = (
        insert(hold_caps)
        .from_select(["job_id", "cap_id", "starts_on"], missing)
        .returning(hold_caps.c.job_id, hold_caps.c.cap_id)
        .cte("counted")
    )
    held = func.coalesce(func.sum(holds.c.amount_nanos).filter(IS_OPEN), 0)
    sums = (
        select(
            counted.c.cap_id,
            held.cast(BigInteger()).label("held"),
            func.sum(spent).cast(BigInteger()).label("spent"),
        )
        .join(holds, holds.c.job_id == counted.c.job_id)
        .group_by(counted.c.cap_id)
        .subquery("sums")
    )
    conn.execute(
        update(cap_windows)
        .where(cap_windows.c.cap_id == sums.c.cap_id, cap_windows.c.starts_on == cap.since)
        .values(
            held_nanos=cap_windows.c.held_nanos + sums.c.held,
            spent_nanos=cap_windows.c.spent_nanos + sums.c.spent,
        )
    )
