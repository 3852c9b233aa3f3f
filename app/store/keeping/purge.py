"""Old bodies and idempotency keys, deleted in steps."""

from typing import Final

from sqlalchemy import (
    CTE,
    Connection,
    Double,
    Text,
    and_,
    bindparam,
    case,
    delete,
    func,
    select,
)

from app.store.prepared import Prepared, seconds
from app.store.tables import idempotency_keys, job_payloads, jobs, number

ROWS_MAX: Final = 2_000
"""Rows of each kind one step looks at."""

BODY_BYTES_MAX: Final = 64_000_000
"""Bodies one step deletes; the one that passes the mark still goes. A large body is thousands of
rows out of sight."""


def bodies(conn: Connection, *, after: str, before: str, older_s: float) -> tuple[int, str | None]:
    """Delete bodies of finished jobs with ids from `after` up to `before`, oldest first.

    Only those go that are older than `older_s` by the database's clock as well: ids are made by
    clocks that may be wrong, and so may be the one that `before` was read from.
    Returns how many went, and the id to go on from; None when all have been looked at.
    """
    row = _BODIES(conn, after=after, before=before, older_s=older_s).one()
    return row.deleted, row.go_on


def keys(conn: Connection, *, older_s: float) -> int:
    """Delete idempotency keys older than that; return how many."""
    return _KEYS(conn, older_s=older_s).rowcount


def _bodies() -> Prepared:
    seen = _seen()
    step = _step(seen)
    gone = (
        delete(job_payloads)
        .where(
            job_payloads.c.job_id == step.c.job_id,
            job_payloads.c.kind == step.c.kind,
            step.c.is_over,
        )
        .returning(job_payloads.c.job_id)
        .cte("gone")
    )
    deleted, looked_at, there = (
        select(func.count()).select_from(table).scalar_subquery() for table in (gone, step, seen)
    )
    last = select(func.max(step.c.job_id)).scalar_subquery()
    more = (there == _LIMIT) | (looked_at < there)
    return Prepared(select(deleted.label("deleted"), case((more, last)).label("go_on")))


def _seen() -> CTE:
    """The oldest rows, whether their job is long over, and what deleting them would come to."""
    old = (
        select(job_payloads.c.job_id, job_payloads.c.kind, job_payloads.c.body)
        .where(job_payloads.c.job_id >= bindparam("after", type_=Text()))
        .where(job_payloads.c.job_id < bindparam("before", type_=Text()))
        .order_by(job_payloads.c.job_id, job_payloads.c.kind)
        .limit(_LIMIT)
        .subquery("old")
    )
    is_over = and_(jobs.c.finished_at.is_not(None), jobs.c.created_at < _OLD)
    size = case((is_over, func.octet_length(old.c.body)), else_=0)
    return (
        select(old.c.job_id, old.c.kind, is_over.label("is_over"), size.label("size"))
        .join(jobs, jobs.c.id == old.c.job_id)
        .cte("seen")
    )


def _step(seen: CTE) -> CTE:
    before = func.sum(seen.c.size).over(order_by=(seen.c.job_id, seen.c.kind), rows=(None, -1))
    weighed = select(seen, before.label("before")).subquery("weighed")
    return (
        select(weighed.c.job_id, weighed.c.kind, weighed.c.is_over)
        .where(func.coalesce(weighed.c.before, 0) < number(BODY_BYTES_MAX))
        .cte("step")
    )


def _keys() -> Prepared:
    expired = (
        select(idempotency_keys.c.key_id, idempotency_keys.c.idempotency_key)
        .where(idempotency_keys.c.created_at < _OLD)
        .order_by(idempotency_keys.c.created_at)
        .limit(_LIMIT)
        .cte("expired")
        .prefix_with("MATERIALIZED")
    )
    return Prepared(
        delete(idempotency_keys).where(
            and_(
                idempotency_keys.c.key_id == expired.c.key_id,
                idempotency_keys.c.idempotency_key == expired.c.idempotency_key,
            )
        )
    )


_OLD: Final = func.now() - seconds(bindparam("older_s", type_=Double()))
_LIMIT: Final = number(ROWS_MAX)
_BODIES: Final = _bodies()
_KEYS: Final = _keys()
