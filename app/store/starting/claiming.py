"""T2, first half, for a job that comes alone: lease it, and bring along what it may draw on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    and_,
    func,
    literal_column,
    select,
    true,
)

from app.domain.lots import Lot
from app.store.prepared import Prepared
from app.store.starting.claims import OF_CLAIMED, Claimed, due, leased, to_claimed
from app.store.starting.funds import Funds, is_capped, with_rules
from app.store.tables import IS_DRAWABLE, accounts, job_payloads, jobs, lots, number, word


def claim(
    conn: Connection, job_id: str, worker_id: str, lease_s: float
) -> tuple[Claimed | None, Funds | None]:
    """Lease a job, if it is due and unclaimed, and look at what it may draw on; nothing is locked.

    It is taken whatever it weighs, and nearly always it can pay: nothing to ask first. No funds
    come with one that was tried before, which nearly always has its hold, nor with one under a cap.
    """
    row = _CLAIM(conn, ids=[job_id], worker_id=worker_id, lease_s=lease_s).first()
    if row is None:
        return None, None
    job = to_claimed(row)
    if job.attempt > 1 or row.is_capped:
        return job, None
    found = tuple(_to_lot(each, job.account_id) for each in row.lots or ())
    return job, with_rules(conn, [job], found, [row])


def _to_lot(lot: Mapping[str, Any], account_id: str) -> Lot:
    moments = {
        name: lot[name] and datetime.fromisoformat(lot[name])
        for name in ("created_at", "expires_at")
    }
    return Lot(**{**lot, **moments, "account_id": account_id})


def _claim() -> Prepared:
    wanted = due(jobs.c.id)
    job = leased(wanted, jobs.c.id, jobs.c.lane, *OF_CLAIMED)
    body = and_(job_payloads.c.job_id == job.c.id, job_payloads.c.kind == word("request"))
    return Prepared(
        select(job, true().label("is_read"), job_payloads.c.body, *_alongside(job)).select_from(
            job.outerjoin(job_payloads, body)
        )
    )


def _alongside(job: CTE) -> tuple[ColumnElement[Any], ...]:
    mine = (
        select(*_OF_LOT)
        .where(lots.c.account_id == job.c.account_id, job.c.attempt == number(1))
        .where(IS_DRAWABLE)
        .correlate(job)
        .subquery("mine")
    )
    every = select(func.json_agg(literal_column("mine"))).select_from(mine)
    account = select(accounts.c.hold_mode).where(accounts.c.id == job.c.account_id)
    return (
        every.correlate(job).scalar_subquery().label("lots"),
        account.correlate(job).scalar_subquery().label("hold_mode"),
        is_capped(job.c.account_id).label("is_capped"),
    )


_OF_LOT: Final = (
    *(lots.c.id, lots.c.amount_nanos, lots.c.used_nanos, lots.c.held_nanos, lots.c.created_at),
    *(lots.c.expires_at, lots.c.instrument, lots.c.tokens, lots.c.tokens_used),
)
_CLAIM: Final = _claim()
