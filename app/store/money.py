"""Lots, balances, deposits, and holds that are given back without a settlement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
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
from app.store.tables import IS_OPEN, hold_lots, holds, lots, transfers, word

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

    @property
    def remaining_nanos(self) -> int:
        """What new jobs may still draw."""
        return 0 if self.is_expired else self._left_nanos

    @property
    def expired_nanos(self) -> int:
        """What was left, and not held, when it ended."""
        return self._left_nanos if self.is_expired else 0

    @property
    def _left_nanos(self) -> int:
        return self.amount_nanos - self.used_nanos - self.held_nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What became of all an account was ever credited, at one moment: each nano is in one of them.

    `spent` is what its jobs cost, `adjusted` what operators took back, `expired` what lots had left
    when they ended.
    """

    available_nanos: int
    held_nanos: int
    spent_nanos: int
    adjusted_nanos: int
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
    """Return what became of all an account was ever credited."""
    mine = lots.c.account_id == account_id
    left = lots.c.amount_nanos - lots.c.used_nanos - lots.c.held_nanos
    # Captures are millions and name their job: without one, the index by job finds the few others.
    taken = select(_total(transfers.c.amount_nanos)).where(
        transfers.c.job_id.is_(None),
        transfers.c.kind == word("adjustment"),
        transfers.c.debit == account_id,
        transfers.c.lot_id.in_(select(lots.c.id).where(mine)),
    )
    row = conn.execute(
        select(
            _total(left, ~_IS_EXPIRED).label("available"),
            _total(lots.c.held_nanos).label("held"),
            _total(lots.c.used_nanos).label("used"),
            _total(left, _IS_EXPIRED).label("expired"),
            taken.scalar_subquery().label("taken"),
        ).where(mine)
    ).one()
    return Sums(
        available_nanos=int(row.available),
        held_nanos=int(row.held),
        spent_nanos=int(row.used - row.taken),
        adjusted_nanos=int(row.taken),
        expired_nanos=int(row.expired),
    )


def release(conn: Connection, job_ids: Sequence[str], *, closed: Sequence[str] = ()) -> None:
    """Give back the open holds of jobs that ended without an answer.

    What these jobs held under their caps, and those whose hold was `closed` already, moves along.
    """
    if job_ids:
        _LOCK(conn, ids=list(job_ids))
        _RELEASE(conn, ids=list(job_ids))
    windows.move(conn, [*closed, *job_ids])


def _total(nanos: ColumnElement[int], *where: ColumnElement[bool]) -> ColumnElement[Decimal]:
    """A sum of nano-dollars of any size: several lots together may be more than a BIGINT holds."""
    return func.coalesce(func.sum(nanos).filter(*where), 0)


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
