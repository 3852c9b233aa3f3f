"""Stored completions: answers their clients asked to keep. A view of jobs, not a table of its own.

One is there as long as its answer is: what is purged by age is gone from here in the same moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, delete, null, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import cast

from app.store.tables import job_payloads, jobs, word


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A stored completion: the job's id, its pairs, and the answer as its client got it."""

    job_id: str
    metadata: Mapping[str, str]
    answer: bytes


def find(conn: Connection, account_id: str, job_id: str) -> Stored | None:
    """Return a stored completion of that account, or None."""
    row = conn.execute(_of(account_id).where(jobs.c.id == job_id)).first()
    return _to_stored(row) if row else None


def page(
    conn: Connection,
    account_id: str,
    *,
    since: str,
    after: str | None,
    limit: int,
    is_newest_first: bool,
    instrument: str | None,
    metadata: Mapping[str, str],
) -> list[Stored]:
    """Return up to `limit` stored completions that have all these pairs, from `after` on.

    Jobs before `since`, an id, are not looked at: their answers are gone, their rows are not.
    """
    query = _of(account_id).where(jobs.c.id > since)
    if after is not None:
        query = query.where(jobs.c.id < after if is_newest_first else jobs.c.id > after)
    if instrument is not None:
        query = query.where(jobs.c.instrument == instrument)
    if metadata:
        query = query.where(jobs.c.metadata.contains(dict(metadata)))
    order = jobs.c.id.desc() if is_newest_first else jobs.c.id
    return [_to_stored(row) for row in conn.execute(query.order_by(order).limit(limit))]


def request_of(conn: Connection, account_id: str, job_id: str) -> bytes | None:
    """Return the request a stored completion answers, or None when one of them is gone."""
    asked = job_payloads.alias("asked")
    request = and_(asked.c.job_id == jobs.c.id, asked.c.kind == word("request"))
    query = select(asked.c.body).select_from(jobs.join(asked, request))
    query = query.where(jobs.c.id == job_id, _is_stored(account_id), _has_answer())
    row = conn.execute(query).first()
    return bytes(row.body) if row else None


def update_metadata(
    conn: Connection, account_id: str, job_id: str, metadata: Mapping[str, str] | None
) -> Stored | None:
    """Replace the pairs of a stored completion; None when there is no such one."""
    value = null() if metadata is None else cast(dict(metadata), JSONB)
    statement = (
        update(jobs)
        .where(jobs.c.id == job_id, _is_stored(account_id), _has_answer())
        .values(metadata=value)
    )
    if conn.execute(statement).rowcount == 0:
        return None
    return find(conn, account_id, job_id)


def remove(conn: Connection, account_id: str, job_id: str) -> bool:
    """Delete what was asked and answered; False when there is no such stored completion.

    The job stays, with what it cost. No later call finds its answer by its fingerprint.
    """
    statement = (
        update(jobs)
        .where(jobs.c.id == job_id, _is_stored(account_id))
        .values(stored=False, fingerprint=None)
    )
    if conn.execute(statement).rowcount == 0:
        return False
    bodies = delete(job_payloads).where(job_payloads.c.job_id == job_id)
    gone = conn.execute(bodies.returning(job_payloads.c.kind))
    return "result" in {row.kind for row in gone}


def _of(account_id: str) -> Select[Any]:
    return (
        select(jobs.c.id, jobs.c.metadata, job_payloads.c.body)
        .select_from(jobs.join(job_payloads, _ANSWER))
        .where(_is_stored(account_id))
    )


def _is_stored(account_id: str) -> Any:
    return and_(jobs.c.account_id == account_id, jobs.c.stored, jobs.c.state == word("succeeded"))


def _has_answer() -> Any:
    return select(job_payloads.c.job_id).where(_ANSWER).exists()


def _to_stored(row: Any) -> Stored:
    return Stored(job_id=row.id, metadata=row.metadata or {}, answer=bytes(row.body))


_ANSWER: Final = and_(job_payloads.c.job_id == jobs.c.id, job_payloads.c.kind == word("result"))
