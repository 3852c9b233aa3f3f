"""Purchases of credit as they are asked for, one at a time for each account, and as they ended."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, case, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.domain.replenishing.purchase import FailureReason, PurchaseState
from app.store.prepared import seconds
from app.store.replenishing.standings import IS_UNDER_WAY, THIS_MONTH
from app.store.starting.starts import NANOS_MAX
from app.store.tables import replenishments

NONE_IS_BACK_S: Final = 1
"""How long after a purchase was asked for nobody who was told to come back has done so yet: half of
the least that callers are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A purchase under way. Its id is what the source knows it by.

    `asked_at` is the fence: whoever stamped it last may ask the source, and say that it failed.
    """

    id: str
    account_id: str
    state: PurchaseState
    amount_nanos: int
    callers_nanos: int
    asked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A purchase that came to an end, or not yet, as operators see it."""

    id: str
    state: PurchaseState
    reason: str | None
    amount_nanos: int
    created_at: datetime
    is_this_month: bool


def under_way(conn: Connection, account_id: str) -> Purchase | None:
    """Return what an account is buying now."""
    query = select(*COLUMNS).where(replenishments.c.account_id == account_id, IS_UNDER_WAY)
    row = conn.execute(query).first()
    return to_purchase(row) if row else None


def latest(conn: Connection, account_id: str) -> Past | None:
    """Return the purchase an account asked for last, by the database's clock."""
    row = conn.execute(
        select(replenishments, THIS_MONTH.label("is_this_month"))
        .where(replenishments.c.account_id == account_id)
        .order_by(replenishments.c.created_at.desc(), replenishments.c.id.desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    return Past(
        id=row.id,
        state=PurchaseState(row.state),
        reason=row.reason,
        amount_nanos=row.amount_nanos,
        created_at=row.created_at,
        is_this_month=row.is_this_month,
    )


def request(
    conn: Connection, purchase_id: str, account_id: str, *, amount_nanos: int, callers_nanos: int
) -> bool:
    """Ask for a purchase; False when one is under way."""
    added = conn.execute(
        pg_insert(replenishments)
        .values(
            id=purchase_id,
            account_id=account_id,
            amount_nanos=amount_nanos,
            callers_nanos=min(callers_nanos, NANOS_MAX),
        )
        .on_conflict_do_nothing()
        .returning(replenishments.c.id)
    )
    return added.first() is not None


def join(conn: Connection, purchase_id: str, *, callers_nanos: int) -> None:
    """Count more callers for a purchase that nobody has taken up yet.

    All who come before anybody comes back as told count, each once. Of those who come later some
    may be the same ones again, so that only the most that some of them need together counts.
    """
    counted = replenishments.c.callers_nanos
    is_early = replenishments.c.created_at > func.now() - seconds(NONE_IS_BACK_S)
    most = min(callers_nanos, NANOS_MAX)
    more = case(
        (is_early, func.least(counted, NANOS_MAX - most) + most),
        else_=func.greatest(counted, most),
    )
    conn.execute(
        update(replenishments)
        .where(replenishments.c.id == purchase_id, replenishments.c.state == "requested")
        .values(callers_nanos=more)
    )


def refuse(conn: Connection, purchase_id: str, account_id: str, *, amount_nanos: int) -> None:
    """Write down a purchase that the month's cap does not allow."""
    conn.execute(
        insert(replenishments).values(
            id=purchase_id,
            account_id=account_id,
            state="failed",
            amount_nanos=amount_nanos,
            reason=FailureReason.MONTHLY_CAP_REACHED.value,
            finished_at=func.now(),
        )
    )


def to_purchase(row: Any) -> Purchase:
    """Turn a row of COLUMNS into a purchase."""
    return Purchase(
        id=row.id,
        account_id=row.account_id,
        state=PurchaseState(row.state),
        amount_nanos=row.amount_nanos,
        callers_nanos=row.callers_nanos,
        asked_at=row.asked_at,
    )


COLUMNS: Final[tuple[Any, ...]] = (
    replenishments.c.id,
    replenishments.c.account_id,
    replenishments.c.state,
    replenishments.c.amount_nanos,
    replenishments.c.callers_nanos,
    replenishments.c.asked_at,
)
