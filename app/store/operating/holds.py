"""Open holds as operators look at them, and the end of one that is stuck."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select, update

from app.domain.attempt import AttemptState
from app.domain.errors import JobCancelled
from app.domain.job import JobState
from app.store.prepared import seconds
from app.store.tables import IS_FINAL, IS_OPEN, accounts, attempts, holds, jobs, number


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHold:
    """An open hold, and how its job stands; `is_leased` while a worker carries it."""

    account_id: str
    account: str
    job_id: str
    nanos: int
    created_at: datetime
    state: JobState
    reason: str | None
    leased_until: datetime | None
    worker_id: str | None
    deadline_at: datetime
    is_leased: bool


def older(
    conn: Connection, account_id: str | None, *, older_s: float, limit: int
) -> list[OpenHold]:
    """Return up to `limit` open holds made more than `older_s` ago, by account, oldest job first.

    Those of one account, or of all.
    """
    query = _QUERY.where(holds.c.created_at < func.now() - seconds(older_s))
    if account_id is not None:
        query = query.where(holds.c.account_id == account_id)
    ordered = query.order_by(accounts.c.name, holds.c.job_id).limit(number(limit))
    return [_to_hold(row) for row in conn.execute(ordered)]


def lock(conn: Connection, job_id: str) -> OpenHold | None:
    """Return the open hold of a job, which stays locked until the transaction ends, if it has one.

    Whoever works on the job is waited for.
    """
    # By itself, so that the look after it sees what they did.
    conn.execute(select(jobs.c.id).where(jobs.c.id == job_id).with_for_update(key_share=True))
    row = conn.execute(_QUERY.where(holds.c.job_id == job_id)).first()
    return None if row is None else _to_hold(row)


def cancel(conn: Connection, job_id: str) -> None:
    """End a job that no worker carries, and an attempt that was lost; a final one stays as it is.

    Its hold is still to be given back.
    """
    conn.execute(
        update(jobs)
        .where(jobs.c.id == job_id, ~IS_FINAL)
        .values(
            state=JobState.CANCELLED,
            reason=None,
            finished_at=func.now(),
            leased_until=None,
            worker_id=None,
            error_code=JobCancelled.code,
            error_message=JobCancelled().message,
        )
    )
    conn.execute(
        update(attempts)
        .where(attempts.c.job_id == job_id, attempts.c.state == AttemptState.OPEN.value)
        .values(state=AttemptState.LOST.value, finished_at=func.now())
    )


def _to_hold(row: Any) -> OpenHold:
    return OpenHold(
        account_id=row.account_id,
        account=row.account,
        job_id=row.job_id,
        nanos=row.amount_nanos,
        created_at=row.created_at,
        state=JobState(row.state),
        reason=row.reason,
        leased_until=row.leased_until,
        worker_id=row.worker_id,
        deadline_at=row.deadline_at,
        is_leased=row.is_leased,
    )


_QUERY: Final = (
    select(
        *(holds.c.account_id, holds.c.job_id, holds.c.amount_nanos, holds.c.created_at),
        accounts.c.name.label("account"),
        *(jobs.c.state, jobs.c.reason, jobs.c.leased_until, jobs.c.worker_id, jobs.c.deadline_at),
        func.coalesce(jobs.c.leased_until > func.now(), False).label("is_leased"),
    )
    .select_from(holds)
    .join(jobs, jobs.c.id == holds.c.job_id)
    .join(accounts, accounts.c.id == holds.c.account_id)
    .where(IS_OPEN)
)
