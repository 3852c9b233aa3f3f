"""T1: jobs, their request bodies and their idempotency keys, written in one statement."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Float,
    Integer,
    LargeBinary,
    Text,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.types import TypeEngine

from app.domain.errors import (
    BalanceReplenishing,
    CapReached,
    HoldsExhausted,
    InsufficientBalance,
    RequestExceedsLimit,
)
from app.domain.job import JobState, Lane, NewJob
from app.store.jobs import ONE_MORE
from app.store.prepared import Prepared, bodies, body, records, rows, seconds
from app.store.tables import IS_FINAL, idempotency_keys, job_payloads, jobs

ATTACH_WINDOW_S: Final = 900
"""How old a job may be for a client's automatic retry to attach to it."""

NEVER_BEGAN: Final = (
    *(BalanceReplenishing.code, HoldsExhausted.code),
    *(InsufficientBalance.code, CapReached.code, RequestExceedsLimit.code),
)
"""How jobs end that money was wanting for, before anything was done for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An Idempotency-Key as a request brings it: whose, which, over what, for which jobs."""

    key_id: str
    idempotency_key: str
    fingerprint: bytes
    job_ids: tuple[str, ...]


def add(conn: Connection, new: Sequence[NewJob], claims: Sequence[Claim]) -> dict[str, datetime]:
    """Write what is new and return when, by job id.

    A job named by a claim whose key is taken already is not written. Jobs of the interactive lane
    count as nudged: the submitter rings for them as soon as this has committed.
    """
    claimed = {job_id: claim.idempotency_key for claim in claims for job_id in claim.job_ids}
    blob, places = bodies([job.request for job in new])
    added = [_row(job, claimed.get(job.id), at) for job, at in zip(new, places, strict=True)]
    result = _ADD(
        conn,
        blob=blob,
        **records("j", added, *_NEW),
        **records("i", [_claim_row(claim) for claim in claims], *_CLAIM),
    )
    return {row.id: row.created_at for row in result}


def by_idempotency_key(
    conn: Connection, key_id: str, idempotency_key: str
) -> tuple[bytes, tuple[str, ...]] | None:
    """Return the fingerprint and the jobs an Idempotency-Key stands for, or None."""
    row = conn.execute(
        select(idempotency_keys.c.fingerprint, idempotency_keys.c.job_ids).where(
            idempotency_keys.c.key_id == key_id,
            idempotency_keys.c.idempotency_key == idempotency_key,
        )
    ).first()
    return (bytes(row.fingerprint), tuple(row.job_ids)) if row else None


def free_refused(conn: Connection, claim: Claim) -> bool:
    """Free an Idempotency-Key whose jobs all ended for want of money; return whether it is free.

    They have never begun: who comes back as told, or after a deposit, with the same key, must not
    hear for ever what was so then.
    """
    told = select(func.count()).where(
        jobs.c.id == func.any(idempotency_keys.c.job_ids), jobs.c.error_code.in_(NEVER_BEGAN)
    )
    number = func.cardinality(idempotency_keys.c.job_ids)
    freed = delete(idempotency_keys).where(
        idempotency_keys.c.key_id == claim.key_id,
        idempotency_keys.c.idempotency_key == claim.idempotency_key,
        idempotency_keys.c.fingerprint == claim.fingerprint,
        number > 0,
        told.scalar_subquery() == number,
    )
    return conn.execute(freed).rowcount > 0


def attach(conn: Connection, key_id: str, fingerprint: bytes) -> str | None:
    """Attach a client's retry to a job its key began with the very same request; in a transaction.

    Returns the job, which has one more client now, or None. Of several it is the one with the
    fewest clients: one that all have given up, else one whose client may have gone unnoticed, or
    whose answer may have been lost on its way; unfinished ones before those. An answer is sent to
    one retry only.
    """
    mark = func.hashtextextended(key_id + fingerprint.hex(), 0)
    # Retries of equal calls find their jobs one after the other, so that each finds its own.
    conn.execute(select(func.pg_advisory_xact_lock(mark)))
    is_good = jobs.c.state.not_in([JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED])
    mine = (
        select(jobs.c.id)
        .where(
            jobs.c.key_id == key_id,
            jobs.c.fingerprint == fingerprint,
            jobs.c.created_at > func.now() - seconds(ATTACH_WINDOW_S),
            is_good,
            or_(~IS_FINAL, jobs.c.listeners <= 1),
        )
        .order_by(jobs.c.listeners, IS_FINAL, jobs.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    attached = update(jobs).where(jobs.c.id == mine, is_good).values(**ONE_MORE)
    row = conn.execute(attached.returning(jobs.c.id)).first()
    return row.id if row else None


def _row(job: NewJob, idempotency_key: str | None, at: tuple[int, int]) -> tuple[Any, ...]:
    return (
        job.id,
        job.account_id,
        job.key_id,
        job.lane.value,
        job.endpoint,
        job.instrument,
        job.custom_id,
        job.fingerprint,
        job.on_empty.value,
        job.input_tokens_max,
        job.output_tokens_max,
        job.stream,
        job.stored,
        job.betas,
        job.max_cost_nanos,
        json.dumps(job.metadata) if job.metadata is not None else None,
        float(job.deadline_s),
        *at,
        idempotency_key,
    )


def _claim_row(claim: Claim) -> tuple[Any, ...]:
    # An array of records cannot be unnested row by row, so the ids travel as one string.
    return (claim.key_id, claim.idempotency_key, claim.fingerprint, " ".join(claim.job_ids))


_KEPT: Final[dict[str, TypeEngine[Any]]] = {
    "id": Text(),
    "account_id": Text(),
    "key_id": Text(),
    "lane": Text(),
    "endpoint": Text(),
    "instrument": Text(),
    "custom_id": Text(),
    "fingerprint": LargeBinary(),
    "on_empty": Text(),
    "input_tokens_max": BigInteger(),
    "output_tokens_max": BigInteger(),
    "stream": Boolean(),
    "stored": Boolean(),
    "betas": Text(),
    "max_cost_nanos": BigInteger(),
}
"""Columns of a new job that go into the row as they are."""

_TURNED: Final[dict[str, TypeEngine[Any]]] = {
    "metadata": Text(),
    "deadline_s": Float(),
    "starts": Integer(),
    "size": Integer(),
    "claim": Text(),
}
_NEW: Final = (*_KEPT, *_TURNED)
_CLAIM: Final = ("key_id", "idempotency_key", "fingerprint", "job_ids")


def _add() -> Prepared:
    new = rows("j", **_KEPT, **_TURNED)
    wanted = rows(
        "i", key_id=Text(), idempotency_key=Text(), fingerprint=LargeBinary(), job_ids=Text()
    )
    taken = (
        pg_insert(idempotency_keys)
        .from_select(
            list(_CLAIM),
            select(
                wanted.c.key_id,
                wanted.c.idempotency_key,
                wanted.c.fingerprint,
                func.string_to_array(wanted.c.job_ids, " "),
            ),
        )
        .on_conflict_do_nothing()
        .returning(idempotency_keys.c.key_id, idempotency_keys.c.idempotency_key)
        .cte("taken")
    )
    mine = or_(
        new.c.claim.is_(None),
        select(taken.c.key_id)
        .where(taken.c.key_id == new.c.key_id, taken.c.idempotency_key == new.c.claim)
        .exists(),
    )
    added = (
        insert(jobs)
        .from_select(
            [*_KEPT, "metadata", "deadline_at", "nudged_at", "request_bytes"],
            select(
                *[new.c[name] for name in _KEPT],
                cast(new.c.metadata, JSONB),
                func.now() + seconds(new.c.deadline_s),
                case((new.c.lane == Lane.INTERACTIVE.value, func.now())),
                new.c.size,
            ).where(mine),
        )
        .returning(jobs.c.id, jobs.c.created_at)
        .cte("added")
    )
    requests = (
        insert(job_payloads)
        .from_select(
            ["job_id", "kind", "body"],
            select(new.c.id, literal("request"), body("blob", new)).where(mine),
        )
        .cte("requests")
    )
    return Prepared(select(added.c.id, added.c.created_at).add_cte(requests))


_ADD: Final = _add()
