"""Receipts: one with all its parts, or a page of them."""

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, Select, select, true

from app.domain.job import JobState
from app.domain.pricing import Price, Usage
from app.domain.usage.receipt import Call, Draw, Receipt, tokens_of
from app.store.tables import attempts, holds, jobs, lots, transfers, word


def find(conn: Connection, account_id: str, job_id: str) -> Receipt | None:
    """Return the receipt of one job of that account, with its attempts and what each lot paid."""
    row = conn.execute(_of(account_id).where(jobs.c.id == job_id)).first()
    if row is None:
        return None
    return _to_receipt(
        row, calls=_calls(conn, account_id, job_id), draws=_draws(conn, account_id, job_id)
    )


def page(
    conn: Connection,
    account_id: str,
    *,
    since: str | None,
    before: str | None,
    states: Collection[JobState] | None,
    instrument: str | None,
    key_id: str | None,
    limit: int,
) -> list[Receipt]:
    """Return up to `limit` receipts of an account, newest first, without attempts and draws.

    Those whose job's id is not before `since`, and before `before`; in one of `states`, or in any.
    """
    query = _of(account_id)
    if since is not None:
        query = query.where(jobs.c.id >= since)
    if before is not None:
        query = query.where(jobs.c.id < before)
    if states is not None:
        query = query.where(jobs.c.state.in_(sorted(states)))
    if instrument is not None:
        query = query.where(jobs.c.instrument == instrument)
    if key_id is not None:
        query = query.where(jobs.c.key_id == key_id)
    found = conn.execute(query.order_by(jobs.c.id.desc()).limit(limit))
    return [_to_receipt(row) for row in found]


_SERVED: Final = (
    select(attempts)
    .where(attempts.c.job_id == jobs.c.id, attempts.c.state == word("succeeded"))
    .limit(1)
    .lateral("served")
)

_CALL: Final = tuple(each.name for each in attempts.c if each.name not in ("job_id", "cost_nanos"))


def _of(account_id: str) -> Select[Any]:
    return (
        select(
            jobs.c.id,
            jobs.c.key_id,
            jobs.c.endpoint,
            jobs.c.instrument,
            jobs.c.state,
            jobs.c.created_at,
            jobs.c.finished_at,
            jobs.c.input_tokens,
            jobs.c.output_tokens,
            jobs.c.cached_tokens,
            jobs.c.reasoning_tokens,
            jobs.c.cost_nanos,
            holds.c.input_price_nanos,
            holds.c.output_price_nanos,
            *[_SERVED.c[name].label(f"served_{name}") for name in _CALL],
        )
        .select_from(jobs.outerjoin(holds, holds.c.job_id == jobs.c.id).outerjoin(_SERVED, true()))
        .where(jobs.c.account_id == account_id)
    )


def _calls(conn: Connection, account_id: str, job_id: str) -> tuple[Call, ...]:
    query = (
        select(*[attempts.c[name] for name in _CALL])
        .join(jobs, jobs.c.id == attempts.c.job_id)
        .where(jobs.c.account_id == account_id, attempts.c.job_id == job_id)
        .order_by(attempts.c.number)
    )
    return tuple(Call(**row._mapping) for row in conn.execute(query))  # noqa: SLF001  its public name


def _draws(conn: Connection, account_id: str, job_id: str) -> tuple[Draw, ...]:
    query = (
        select(
            transfers.c.lot_id,
            transfers.c.kind,
            transfers.c.amount_nanos,
            lots.c.source,
            lots.c.amount_nanos.label("lot_nanos"),
            lots.c.tokens.label("lot_tokens"),
        )
        .join(lots, lots.c.id == transfers.c.lot_id)
        .where(transfers.c.account_id == account_id, transfers.c.job_id == job_id)
        .order_by(transfers.c.id)
    )
    return tuple(_to_draw(row) for row in conn.execute(query))


def _to_draw(row: Any) -> Draw:
    tokens = None
    if row.lot_tokens is not None:
        tokens = tokens_of(row.amount_nanos, lot_nanos=row.lot_nanos, lot_tokens=row.lot_tokens)
    return Draw(
        lot_id=row.lot_id,
        source=row.source,
        kind=row.kind,
        nanos=row.amount_nanos,
        tokens=tokens,
    )


def _to_receipt(row: Any, *, calls: tuple[Call, ...] = (), draws: tuple[Draw, ...] = ()) -> Receipt:
    usage = price = served = None
    if row.input_tokens is not None:
        usage = Usage(
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            cached_tokens=row.cached_tokens,
            reasoning_tokens=row.reasoning_tokens,
        )
    if row.input_price_nanos is not None:
        price = Price(input_nanos=row.input_price_nanos, output_nanos=row.output_price_nanos)
    if row.served_number is not None:
        served = Call(**{name: getattr(row, f"served_{name}") for name in _CALL})
    return Receipt(
        job_id=row.id,
        key_id=row.key_id,
        endpoint=row.endpoint,
        instrument=row.instrument,
        state=JobState(row.state),
        created_at=row.created_at,
        finished_at=row.finished_at,
        usage=usage,
        cost_nanos=row.cost_nanos,
        price=price,
        served=served,
        draws=draws,
        calls=calls,
    )
