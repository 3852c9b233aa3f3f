"""Jobs as they are read: one, many, a page; who waits for them; and cancelled."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Double,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal,
    select,
    update,
)

from app.domain.errors import JobCancelled, ProviderRejected
from app.domain.job import Job, JobError, JobState, Lane, Reason
from app.domain.pricing import Usage
from app.store.prepared import Prepared, records, rows
from app.store.tables import IS_FINAL, IS_RUNNABLE, job_payloads, jobs, number


def find(conn: Connection, account_id: str, job_id: str) -> Job | None:
    """Return one job of that account with its answer, or None."""
    row = _FIND(conn, account_id=account_id, id=job_id).first()
    return to_job(row) if row else None


def find_many(conn: Connection, owned: Sequence[tuple[str, str]]) -> Mapping[str, Job]:
    """Return the jobs of these (account id, job id) pairs with their answers, by job id."""
    result = _FIND_MANY(conn, **records("p", owned, "account_id", "id"))
    return {row.id: to_job(row) for row in result}


def page(
    conn: Connection,
    account_id: str,
    *,
    state: JobState | None,
    custom_id: str | None,
    after: str | None,
    limit: int,
) -> list[Job]:
    """Return up to `limit` jobs of an account, newest first, before `after`; without answers."""
    query = select(*_COLUMNS, literal(None).label("response")).where(
        jobs.c.account_id == account_id
    )
    if state is not None:
        query = query.where(jobs.c.state == state)
    if custom_id is not None:
        query = query.where(jobs.c.custom_id == custom_id)
    if after is not None:
        query = query.where(jobs.c.id < after)
    return [to_job(row) for row in conn.execute(query.order_by(jobs.c.id.desc()).limit(limit))]


def cancel(conn: Connection, account_id: str, job_id: str) -> JobState | None:
    """Cancel a job that does not run yet, ask for it when it does; return the state it has now.

    None: no such job in this account. A final job stays as it is.
    """
    row = conn.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.account_id == account_id)
        .where(~IS_FINAL)
        .values(
            cancel_requested_at=func.coalesce(jobs.c.cancel_requested_at, func.now()),
            state=case((IS_RUNNABLE, JobState.CANCELLED), else_=jobs.c.state),
            reason=None,
            finished_at=case((IS_RUNNABLE, func.now())),
            error_code=case((IS_RUNNABLE, JobCancelled.code)),
            error_message=case((IS_RUNNABLE, JobCancelled().message)),
        )
        .returning(jobs.c.state)
    ).first()
    if row is None:
        query = select(jobs.c.state).where(jobs.c.id == job_id, jobs.c.account_id == account_id)
        row = conn.execute(query).first()
    return JobState(row.state) if row else None


def attach(conn: Connection, account_id: str, job_id: str) -> None:
    """Count one more client that waits for a job; whoever left before is forgotten."""
    conn.execute(
        update(jobs).where(jobs.c.id == job_id, jobs.c.account_id == account_id).values(**ONE_MORE)
    )


def leave(conn: Connection, account_id: str, job_id: str) -> None:
    """Count one client less; the last one of a stream leaves the moment at which it left.

    Who gives up waiting for an answer in one piece leaves none: that job goes on for a retry.
    """
    is_last = and_(jobs.c.listeners <= 1, jobs.c.stream, ~IS_FINAL)
    conn.execute(
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.account_id == account_id)
        .values(
            listeners=func.greatest(jobs.c.listeners - 1, 0),
            client_left_at=case((is_last, func.now())),
        )
    )


def to_job(row: Any) -> Job:
    """Turn a row of `_COLUMNS` and `response` into a job."""
    usage = None
    if row.input_tokens is not None:
        usage = Usage(
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            cached_tokens=row.cached_tokens,
            reasoning_tokens=row.reasoning_tokens,
        )
    body = bytes(row.response) if row.response is not None else None
    error = _error(row, body) if row.error_code else None
    # Of a refusal a job keeps what its provider said of it, which is no answer.
    response = None if row.error_code == ProviderRejected.code else body
    return Job(
        id=row.id,
        account_id=row.account_id,
        lane=Lane(row.lane),
        endpoint=row.endpoint,
        instrument=row.instrument,
        state=JobState(row.state),
        reason=Reason(row.reason) if row.reason else None,
        custom_id=row.custom_id,
        metadata=row.metadata,
        attempts=row.attempts,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        deadline_at=row.deadline_at,
        cancel_requested_at=row.cancel_requested_at,
        usage=usage,
        cost_nanos=row.cost_nanos,
        status_code=row.status_code,
        error=error,
        response=response,
        stream=row.stream,
        retry_after_s=row.retry_after_s,
        partial=row.partial,
    )


def _error(row: Any, body: bytes | None) -> JobError:
    told = {}
    if body is not None and row.error_code == ProviderRejected.code:
        told = json.loads(body)
    return JobError(
        code=row.error_code,
        message=row.error_message,
        cause=told.get("code"),
        param=told.get("param"),
    )


ONE_MORE: Final = {"listeners": jobs.c.listeners + 1, "client_left_at": None}
"""What changes in the row of a job that one more client waits for."""

_COLUMNS: Final = (
    jobs.c.id,
    jobs.c.account_id,
    jobs.c.lane,
    jobs.c.endpoint,
    jobs.c.instrument,
    jobs.c.state,
    jobs.c.reason,
    jobs.c.custom_id,
    jobs.c.metadata,
    jobs.c.attempts,
    jobs.c.created_at,
    jobs.c.started_at,
    jobs.c.finished_at,
    jobs.c.deadline_at,
    jobs.c.cancel_requested_at,
    jobs.c.input_tokens,
    jobs.c.output_tokens,
    jobs.c.cached_tokens,
    jobs.c.reasoning_tokens,
    jobs.c.cost_nanos,
    jobs.c.status_code,
    jobs.c.error_code,
    jobs.c.error_message,
    jobs.c.stream,
    # A refused job says with its next look when its caller may come back.
    case(
        (
            and_(jobs.c.status_code == number(503), jobs.c.run_at > jobs.c.finished_at),
            func.extract("epoch", jobs.c.run_at - jobs.c.finished_at).cast(Double()),
        )
    ).label("retry_after_s"),
    jobs.c.partial,
)

_WITH_RESULT: Final = jobs.outerjoin(
    job_payloads, and_(job_payloads.c.job_id == jobs.c.id, job_payloads.c.kind == "result")
)

_ASKED: Final = rows("p", account_id=Text(), id=Text())

_FIND_MANY: Final = Prepared(
    select(*_COLUMNS, job_payloads.c.body.label("response"))
    .select_from(_ASKED)
    .join(
        _WITH_RESULT,
        and_(jobs.c.id == _ASKED.c.id, jobs.c.account_id == _ASKED.c.account_id),
    )
)

_FIND: Final = Prepared(
    select(*_COLUMNS, job_payloads.c.body.label("response"))
    .select_from(_WITH_RESULT)
    .where(
        jobs.c.account_id == bindparam("account_id", type_=Text()),
        jobs.c.id == bindparam("id", type_=Text()),
    )
)
