"""T2, first half: lease jobs for this worker, and read the bodies of those that may be paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Connection,
    Double,
    Text,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    update,
)

from app.domain.job import Lane, OnEmpty
from app.store.prepared import Prepared, seconds
from app.store.tables import (
    IS_DRAWABLE,
    IS_OPEN,
    STILL_RUNNABLE,
    holds,
    job_payloads,
    jobs,
    lots,
    number,
)

CLAIM_BYTES_MAX: Final = 32_000_000
"""Request bodies one claim reads; the one that passes the mark still comes along."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A job this worker has just leased. `attempt` is the fencing token of every later write.

    `request` is None when the body is gone, or was not read because nothing could pay for the job.
    """

    id: str
    attempt: int
    account_id: str
    key_id: str
    lane: Lane
    instrument: str
    endpoint: str
    on_empty: OnEmpty
    input_tokens_max: int
    output_tokens_max: int
    failures: int
    left_s: float
    short_s: float
    is_read: bool
    request: bytes | None
    stream: bool
    betas: str | None
    max_cost_nanos: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A job that was due and free, and is so still: its body was too much for one claim."""

    id: str
    lane: Lane


def claim(
    conn: Connection, ids: Sequence[str], worker_id: str, lease_s: float, *, free: Sequence[str]
) -> tuple[list[Claimed], list[Left]]:
    """Lease those of `ids` that are due and unclaimed; rows another worker looks at are skipped.

    Only as many as CLAIM_BYTES_MAX lets through, and without the bodies of jobs that have neither a
    hold nor an account with anything to draw. `free` names the instruments that need
    neither.
    """
    values = {"ids": list(ids), "worker_id": worker_id, "lease_s": lease_s}
    found = _CLAIM(conn, **values, free=list(free))
    return (
        [to_claimed(row) for row in found if row.attempt is not None],
        [Left(id=row.id, lane=Lane(row.lane)) for row in found if row.attempt is None],
    )


def to_claimed(row: Any) -> Claimed:
    """Return the job of a row that `OF_CLAIMED` and its body make."""
    return Claimed(
        id=row.id,
        attempt=row.attempt,
        account_id=row.account_id,
        key_id=row.key_id,
        lane=Lane(row.lane),
        instrument=row.instrument,
        endpoint=row.endpoint,
        on_empty=OnEmpty(row.on_empty),
        input_tokens_max=row.input_tokens_max,
        output_tokens_max=row.output_tokens_max,
        failures=row.failures,
        left_s=row.left_s,
        short_s=row.short_s,
        is_read=row.is_read,
        request=bytes(row.body) if row.body is not None else None,
        stream=row.stream,
        betas=row.betas,
        max_cost_nanos=row.max_cost_nanos,
    )


_IDS: Final = bindparam("ids", type_=ARRAY(Text()))
_OF_DUE: Final[tuple[Any, ...]] = (
    *(jobs.c.id, jobs.c.lane, jobs.c.account_id, jobs.c.instrument),
    *(jobs.c.attempt, jobs.c.request_bytes),
)
OF_CLAIMED: Final[tuple[Any, ...]] = (
    *(jobs.c.attempt, jobs.c.account_id, jobs.c.instrument, jobs.c.endpoint, jobs.c.on_empty),
    *(jobs.c.input_tokens_max, jobs.c.output_tokens_max, jobs.c.failures),
    *(jobs.c.stream, jobs.c.betas, jobs.c.key_id, jobs.c.max_cost_nanos),
    func.extract("epoch", jobs.c.deadline_at - func.now()).cast(Double()).label("left_s"),
    func.coalesce(func.extract("epoch", func.now() - jobs.c.short_since), number(0))
    .cast(Double())
    .label("short_s"),
)


def _claim() -> Prepared:
    some = _weighed(due(*_OF_DUE))
    claimed = leased(some, jobs.c.id.label("claimed_id"), *OF_CLAIMED)
    body = and_(
        job_payloads.c.job_id == claimed.c.claimed_id,
        job_payloads.c.kind == "request",
        some.c.is_read,
    )
    return Prepared(
        select(some.c.id, some.c.lane, some.c.is_read, claimed, job_payloads.c.body)
        .select_from(
            some.outerjoin(claimed, claimed.c.claimed_id == some.c.id).outerjoin(job_payloads, body)
        )
        .order_by(some.c.id)
    )


def due(*columns: Any) -> CTE:
    """Return those of the parameter `ids` that may start, locked; taken ones are skipped."""
    return (
        select(*columns)
        .where(jobs.c.id == func.any(_IDS), STILL_RUNNABLE, jobs.c.run_at <= func.now())
        .order_by(jobs.c.id)
        .with_for_update(skip_locked=True, key_share=True)
        .cte("due")
    )


def _weighed(due: CTE) -> CTE:
    """Which bodies to read, and which jobs to take: those before which less than the limit came."""
    account = select(due.c.account_id).distinct().subquery("account")
    solvent = (
        select(account.c.account_id)
        .where(
            select(lots.c.id).where(lots.c.account_id == account.c.account_id, IS_DRAWABLE).exists()
        )
        .cte("solvent")
    )
    held = select(holds.c.job_id).where(holds.c.job_id == due.c.id, IS_OPEN).exists()
    can_pay = or_(
        due.c.account_id.in_(select(solvent.c.account_id)),
        due.c.instrument == func.any(bindparam("free", type_=ARRAY(Text()))),
        and_(due.c.attempt > 0, held),
    )
    judged = select(due, can_pay.label("is_read")).subquery("judged")
    read = func.sum(case((judged.c.is_read, judged.c.request_bytes), else_=0))
    before = read.over(order_by=judged.c.id, rows=(None, -1))
    weighed = select(judged.c.id, judged.c.lane, judged.c.is_read, before.label("before")).subquery(
        "weighed"
    )
    limit: ColumnElement[int] = number(CLAIM_BYTES_MAX)
    fits = func.coalesce(weighed.c.before, 0) < limit
    return select(weighed.c.id, weighed.c.lane, weighed.c.is_read, fits.label("fits")).cte(
        "weighed"
    )


def leased(some: CTE, *columns: Any) -> CTE:
    """Return the leasing of some jobs, to the parameter `worker_id` for `lease_s`."""
    statement = update(jobs).where(jobs.c.id == some.c.id)
    if "fits" in some.c:
        statement = statement.where(some.c.fits)
    return (
        statement.values(
            state="running",
            reason=None,
            attempt=jobs.c.attempt + 1,
            attempts=jobs.c.attempts + 1,
            needed_nanos=0,
            started_at=func.coalesce(jobs.c.started_at, func.now()),
            leased_until=func.now() + seconds(bindparam("lease_s", type_=Double())),
            worker_id=bindparam("worker_id", type_=Text()),
            nudged_at=None,
        )
        .returning(*columns)
        .cte("claimed")
    )


_CLAIM: Final = _claim()
