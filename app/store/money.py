"""Lots, balances, deposits, and holds that are given back without a settlement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    Text,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.store.prepared import Prepared, seconds
from app.store.starting import windows
from app.store.starting.funds import to_lot
from app.store.tables import IS_OPEN, hold_lots, holds, lots, transfers

EXPIRED_SHOWN_S: Final = 30 * 86_400
"""How long after its end a lot is still listed when something of it was left."""

FUNDING: Final = "platform:funding"
"""The book that deposits debit. An account's own book is called by its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LotView:
    """A lot as its owner sees it; `tokens_left` are those of a lot of tokens."""

    id: str
    source: str
    amount_nanos: int
    used_nanos: int
    held_nanos: int
    expires_at: datetime | None
    is_expired: bool
    instrument: str | None
    tokens: int | None
    tokens_left: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What all lots of an account have spent, and what was left of those that expired."""

    spent_nanos: int
    expired_nanos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposited:
    """A lot that a reference stands for; `is_new` is False when it was there before."""

    lot_id: str
    amount_nanos: int
    is_new: bool


def deposit(
    conn: Connection,
    *,
    lot_id: str,
    transfer_id: str,
    account_id: str,
    amount_nanos: int,
    reference: str | None,
    expires_s: float | None = None,
) -> Deposited:
    """Credit an account with a new lot; a reference credits it once, however often it comes.

    The lot expires `expires_s` seconds from now by the database's clock, or never.
    """
    added = conn.execute(
        pg_insert(lots)
        .values(
            id=lot_id,
            account_id=account_id,
            source="deposit",
            reference=reference,
            amount_nanos=amount_nanos,
            expires_at=None if expires_s is None else func.now() + seconds(expires_s),
        )
        .on_conflict_do_nothing(constraint="a_reference_credits_an_account_once")
        .returning(lots.c.id)
    ).first()
    if added is None:
        query = select(lots.c.id, lots.c.amount_nanos).where(
            lots.c.account_id == account_id, lots.c.reference == reference
        )
        row = conn.execute(query).one()
        return Deposited(lot_id=row.id, amount_nanos=row.amount_nanos, is_new=False)
    conn.execute(
        insert(transfers).values(
            id=transfer_id,
            kind="deposit",
            account_id=account_id,
            debit=FUNDING,
            credit=account_id,
            amount_nanos=amount_nanos,
            lot_id=lot_id,
        )
    )
    return Deposited(lot_id=lot_id, amount_nanos=amount_nanos, is_new=True)


def lots_of(conn: Connection, account_id: str) -> list[LotView]:
    """Return an account's lots that hold or still have something, oldest first.

    Those that expired with something left are among them for EXPIRED_SHOWN_S.
    """
    shown = lots.c.expires_at > func.now() - seconds(EXPIRED_SHOWN_S)
    query = (
        select(lots, _IS_EXPIRED.label("is_expired"))
        .where(lots.c.account_id == account_id, lots.c.used_nanos < lots.c.amount_nanos)
        .where(or_(lots.c.expires_at.is_(None), lots.c.held_nanos > 0, shown))
        .order_by(lots.c.id)
    )
    return [
        LotView(
            id=row.id,
            source=row.source,
            amount_nanos=row.amount_nanos,
            used_nanos=row.used_nanos,
            held_nanos=row.held_nanos,
            expires_at=row.expires_at,
            is_expired=row.is_expired,
            instrument=row.instrument,
            tokens=row.tokens,
            tokens_left=to_lot(row).available_tokens if row.tokens is not None else None,
            created_at=row.created_at,
        )
        for row in conn.execute(query)
    ]


def sums_of(conn: Connection, account_id: str) -> Sums:
    """Return what an account has spent so far, and what expired of its lots."""
    left = lots.c.amount_nanos - lots.c.used_nanos - lots.c.held_nanos
    row = conn.execute(
        select(
            func.coalesce(func.sum(lots.c.used_nanos), 0).cast(BigInteger()).label("spent"),
            func.coalesce(func.sum(left).filter(_IS_EXPIRED), 0)
            .cast(BigInteger())
            .label("expired"),
        ).where(lots.c.account_id == account_id)
    ).one()
    return Sums(spent_nanos=row.spent, expired_nanos=row.expired)


def release(conn: Connection, job_ids: Sequence[str], *, closed: Sequence[str] = ()) -> None:
    """Give back the open holds of jobs that ended without an answer.

    What these jobs held under their caps, and those whose hold was `closed` already, moves along.
    """
    if job_ids:
        _LOCK(conn, ids=list(job_ids))
        _RELEASE(conn, ids=list(job_ids))
    windows.move(conn, [*closed, *job_ids])


def _release() -> tuple[Prepared, Prepared]:
    ids = bindparam("ids", type_=ARRAY(Text()))
    theirs = select(hold_lots.c.lot_id).where(hold_lots.c.job_id == func.any(ids))
    lock = (
        select(lots.c.id)
        .where(lots.c.id.in_(theirs))
        .order_by(lots.c.id)
        .with_for_update(key_share=True)
    )
    closed = (
        update(holds)
        .where(holds.c.job_id == func.any(ids), IS_OPEN)
        .values(state="released", closed_at=func.now())
        .returning(holds.c.job_id)
        .cte("closed")
    )
    sums = (
        select(
            hold_lots.c.lot_id,
            func.sum(hold_lots.c.amount_nanos).cast(BigInteger()).label("nanos"),
        )
        .join(closed, closed.c.job_id == hold_lots.c.job_id)
        .group_by(hold_lots.c.lot_id)
        .subquery("sums")
    )
    give_back = (
        update(lots)
        .where(lots.c.id == sums.c.lot_id)
        .values(held_nanos=lots.c.held_nanos - sums.c.nanos)
    )
    return Prepared(lock), Prepared(give_back)


_IS_EXPIRED: Final = func.coalesce(lots.c.expires_at <= func.now(), False)
_LOCK, _RELEASE = _release()
