"""Purchases of credit: asked for, taken up, done or failed. One at a time for each account."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Double, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.domain.replenishing.purchase import FailureReason, PurchaseState
from app.store.money import FUNDING
from app.store.prepared import seconds
from app.store.replenishing.standings import IS_UNDER_WAY, THIS_MONTH
from app.store.starting.starts import NANOS_MAX
from app.store.tables import lots, replenishments, transfers


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
    age_s: float
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
    query = select(*_COLUMNS).where(replenishments.c.account_id == account_id, IS_UNDER_WAY)
    row = conn.execute(query).first()
    return _to_purchase(row) if row else None


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
    """Count more callers for a purchase that nobody has taken up yet."""
    room = NANOS_MAX - callers_nanos
    conn.execute(
        update(replenishments)
        .where(replenishments.c.id == purchase_id, replenishments.c.state == "requested")
        .values(callers_nanos=func.least(replenishments.c.callers_nanos, room) + callers_nanos)
    )


def due(conn: Connection, *, lease_s: float, limit: int) -> Sequence[str]:
    """Return purchases to take up: new ones, and those whose asker was silent for `lease_s`."""
    query = select(replenishments.c.id).where(IS_UNDER_WAY, _free(lease_s))
    found = conn.execute(query.order_by(replenishments.c.created_at).limit(limit))
    return [row.id for row in found]


def find(conn: Connection, purchase_id: str, *, lease_s: float) -> Purchase | None:
    """Return and lock a purchase that can be taken up; None when another one has it, or it ended.

    Lock its policy first, and look again.
    """
    row = conn.execute(
        select(*_COLUMNS)
        .where(replenishments.c.id == purchase_id, IS_UNDER_WAY, _free(lease_s))
        .with_for_update()
    ).first()
    return _to_purchase(row) if row else None


def account_of(conn: Connection, purchase_id: str) -> str:
    """Return whose purchase it is."""
    query = select(replenishments.c.account_id).where(replenishments.c.id == purchase_id)
    found: str = conn.execute(query).scalar_one()
    return found


def take_up(conn: Connection, purchase_id: str, *, amount_nanos: int) -> datetime:
    """Mark a purchase as being asked for; return the fence."""
    fence: datetime = conn.execute(
        update(replenishments)
        .where(replenishments.c.id == purchase_id)
        .values(state="buying", amount_nanos=amount_nanos, asked_at=func.clock_timestamp())
        .returning(replenishments.c.asked_at)
    ).scalar_one()
    return fence


def stamp(conn: Connection, purchase_id: str, asked_at: datetime) -> datetime | None:
    """Move the fence to now, before the source is asked once more; None when it is not ours."""
    return conn.execute(
        update(replenishments)
        .where(
            replenishments.c.id == purchase_id,
            replenishments.c.state == "buying",
            replenishments.c.asked_at == asked_at,
        )
        .values(asked_at=func.clock_timestamp())
        .returning(replenishments.c.asked_at)
    ).scalar_one_or_none()


def finish(conn: Connection, purchase_id: str, *, lot_id: str, transfer_id: str) -> bool:
    """Credit what was bought, and end the purchase; False when it has ended already.

    What the source has charged is credited whoever found out, so no fence is asked for.
    """
    row = conn.execute(
        select(replenishments.c.account_id, replenishments.c.amount_nanos)
        .where(replenishments.c.id == purchase_id, replenishments.c.state == "buying")
        .with_for_update()
    ).first()
    if row is None:
        return False
    conn.execute(
        insert(lots).values(
            id=lot_id,
            account_id=row.account_id,
            source="replenishment",
            reference=purchase_id,
            amount_nanos=row.amount_nanos,
        )
    )
    conn.execute(
        insert(transfers).values(
            id=transfer_id,
            kind="replenishment",
            account_id=row.account_id,
            debit=FUNDING,
            credit=row.account_id,
            amount_nanos=row.amount_nanos,
            lot_id=lot_id,
        )
    )
    conn.execute(
        update(replenishments)
        .where(replenishments.c.id == purchase_id)
        .values(state="done", lot_id=lot_id, finished_at=func.now())
    )
    return True


def fail(
    conn: Connection, purchase_id: str, reason: FailureReason, *, asked_at: datetime | None
) -> bool:
    """End a purchase that nobody was charged for; False when it has moved past this fence."""
    ended = conn.execute(
        update(replenishments)
        .where(replenishments.c.id == purchase_id, IS_UNDER_WAY)
        .where(replenishments.c.asked_at.is_not_distinct_from(asked_at))
        .values(state="failed", reason=reason.value, finished_at=func.now())
    )
    return ended.rowcount > 0


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


def clock(conn: Connection) -> datetime:
    """Return the database's time, which is what signatures carry."""
    now: datetime = conn.execute(select(func.now())).scalar_one()
    return now


def _free(lease_s: float) -> Any:
    silent = replenishments.c.asked_at < func.now() - seconds(lease_s)
    return or_(replenishments.c.state == "requested", silent)


def _to_purchase(row: Any) -> Purchase:
    return Purchase(
        id=row.id,
        account_id=row.account_id,
        state=PurchaseState(row.state),
        amount_nanos=row.amount_nanos,
        callers_nanos=row.callers_nanos,
        age_s=row.age_s,
        asked_at=row.asked_at,
    )


_COLUMNS: Final[tuple[Any, ...]] = (
    replenishments.c.id,
    replenishments.c.account_id,
    replenishments.c.state,
    replenishments.c.amount_nanos,
    replenishments.c.callers_nanos,
    func.extract("epoch", func.now() - replenishments.c.created_at).cast(Double()).label("age_s"),
    replenishments.c.asked_at,
)
