"""T2, first half: lease jobs for this worker, and read what earlier attempts left behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    Connection,
    Double,
    Text,
    and_,
    bindparam,
    func,
    select,
    update,
)

from app.domain.hold import Hold
from app.domain.job import Lane, OnEmpty
from app.domain.lots import Part
from app.domain.pricing import Price
from app.store.prepared import Prepared, seconds
from app.store.tables import (
    IS_OPEN,
    IS_RUNNABLE,
    attempts,
    hold_lots,
    holds,
    job_payloads,
    jobs,
    lots,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A job this worker has just leased. `attempt` is the fencing token of every later write."""

    id: str
    attempt: int
    account_id: str
    lane: Lane
    instrument: str
    endpoint: str
    on_empty: OnEmpty
    input_tokens_max: int
    output_tokens_max: int
    failures: int
    left_s: float
    request: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What earlier attempts of a job left behind: its hold, and the routes that failed it."""

    hold: Hold | None
    failed_routes: tuple[str, ...]


def claim(conn: Connection, ids: Sequence[str], worker_id: str, lease_s: float) -> list[Claimed]:
    """Lease those of `ids` that are due and unclaimed; rows another worker looks at are skipped."""
    return [
        Claimed(
            id=row.id,
            attempt=row.attempt,
            account_id=row.account_id,
            lane=Lane(row.lane),
            instrument=row.instrument,
            endpoint=row.endpoint,
            on_empty=OnEmpty(row.on_empty),
            input_tokens_max=row.input_tokens_max,
            output_tokens_max=row.output_tokens_max,
            failures=row.failures,
            left_s=row.left_s,
            request=bytes(row.body) if row.body is not None else None,
        )
        for row in _CLAIM(conn, ids=list(ids), worker_id=worker_id, lease_s=lease_s)
    ]


def histories(conn: Connection, ids: Sequence[str]) -> Mapping[str, History]:
    """Return the open holds and the failed routes of jobs that were tried before."""
    found: dict[str, tuple[list[Part], Any]] = {}
    for row in _HOLDS(conn, ids=list(ids)):
        parts, _ = found.setdefault(row.job_id, ([], row))
        if row.lot_id is not None:
            parts.append(Part(lot_id=row.lot_id, nanos=row.part_nanos))
    failed: dict[str, list[str]] = {}
    for row in _FAILED(conn, ids=list(ids)):
        failed.setdefault(row.job_id, []).append(f"{row.provider}/{row.model}")
    return {
        job_id: History(
            hold=_to_hold(*found[job_id]) if job_id in found else None,
            failed_routes=tuple(failed.get(job_id, ())),
        )
        for job_id in ids
    }


def _to_hold(parts: Sequence[Part], row: Any) -> Hold:
    return Hold(
        job_id=row.job_id,
        account_id=row.account_id,
        price=Price(input_nanos=row.input_price_nanos, output_nanos=row.output_price_nanos),
        parts=tuple(parts),
    )


_IDS: Final = bindparam("ids", type_=ARRAY(Text()))


def _claim() -> Prepared:
    due = (
        select(jobs.c.id)
        .where(
            jobs.c.id == func.any(_IDS),
            IS_RUNNABLE,
            jobs.c.run_at <= func.now(),
        )
        .order_by(jobs.c.id)
        .with_for_update(skip_locked=True, key_share=True)
        .cte("due")
    )
    claimed = (
        update(jobs)
        .where(jobs.c.id == due.c.id)
        .values(
            state="running",
            reason=None,
            attempt=jobs.c.attempt + 1,
            attempts=jobs.c.attempts + 1,
            started_at=func.coalesce(jobs.c.started_at, func.now()),
            leased_until=func.now() + seconds(bindparam("lease_s", type_=Double())),
            worker_id=bindparam("worker_id", type_=Text()),
            nudged_at=None,
        )
        .returning(
            jobs.c.id,
            jobs.c.attempt,
            jobs.c.account_id,
            jobs.c.lane,
            jobs.c.instrument,
            jobs.c.endpoint,
            jobs.c.on_empty,
            jobs.c.input_tokens_max,
            jobs.c.output_tokens_max,
            jobs.c.failures,
            func.extract("epoch", jobs.c.deadline_at - func.now()).cast(Double()).label("left_s"),
        )
        .cte("claimed")
    )
    body = and_(job_payloads.c.job_id == claimed.c.id, job_payloads.c.kind == "request")
    return Prepared(
        select(claimed, job_payloads.c.body)
        .select_from(claimed.outerjoin(job_payloads, body))
        .order_by(claimed.c.id)
    )


def _holds() -> Prepared:
    return Prepared(
        select(
            holds.c.job_id,
            holds.c.account_id,
            holds.c.input_price_nanos,
            holds.c.output_price_nanos,
            hold_lots.c.lot_id,
            hold_lots.c.amount_nanos.label("part_nanos"),
        )
        .select_from(
            holds.outerjoin(
                hold_lots.join(lots, lots.c.id == hold_lots.c.lot_id),
                hold_lots.c.job_id == holds.c.job_id,
            )
        )
        .where(holds.c.job_id == func.any(_IDS), IS_OPEN)
        .order_by(holds.c.job_id, lots.c.expires_at.nulls_last(), hold_lots.c.lot_id)
    )


_CLAIM: Final = _claim()
_HOLDS: Final = _holds()
_FAILED: Final = Prepared(
    select(attempts.c.job_id, attempts.c.provider, attempts.c.model)
    .where(attempts.c.job_id == func.any(_IDS), attempts.c.state == "failed")
    .order_by(attempts.c.job_id, attempts.c.number)
)
