"""Purchases in a buyer's hands: taken up, asked for and looked up, credited or failed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Double,
    and_,
    case,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from app.domain.replenishing.purchase import (
    LOOK_BACK_S,
    LOOK_UP_S_MAX,
    LOOK_UPS_PER_AGE,
    FailureReason,
)
from app.store.money import FUNDING
from app.store.prepared import seconds
from app.store.replenishing.purchases import COLUMNS, Purchase, to_purchase
from app.store.replenishing.standings import IS_UNDER_WAY
from app.store.tables import lots, replenishments, transfers, word

_IS_NEW: Final = replenishments.c.state == word("requested")

# A constant of the statement, as in the predicate of the index that answers.
_TIMED_OUT: Final = replenishments.c.reason == literal_column(f"'{FailureReason.TIMED_OUT}'")

_MAY_BE_CHARGED: Final = or_(
    replenishments.c.state == word("buying"),
    and_(
        _TIMED_OUT,
        replenishments.c.first_asked_at > func.now() - seconds(LOOK_BACK_S),
    ),
)


def new(conn: Connection, *, limit: int) -> Sequence[str]:
    """Return purchases that nobody has asked for yet, oldest first."""
    query = select(replenishments.c.id).where(_IS_NEW)
    found = conn.execute(query.order_by(replenishments.c.created_at).limit(limit))
    return [row.id for row in found]


def silent(conn: Connection, *, lease_s: float, limit: int) -> Sequence[str]:
    """Return purchases to look up, those first that were asked for longest ago.

    Their asker was silent for `lease_s`, and for the longer, the older they are. Those that timed
    out are among them for LOOK_BACK_S.
    """
    query = select(replenishments.c.id).where(_MAY_BE_CHARGED, _is_silent(lease_s))
    found = conn.execute(query.order_by(replenishments.c.asked_at).limit(limit))
    return [row.id for row in found]


def find(conn: Connection, purchase_id: str, *, lease_s: float) -> Purchase | None:
    """Return and lock a purchase that can be taken up; None when another one has it, or it ended.

    Lock its policy first, and look again.
    """
    is_free = or_(_IS_NEW, and_(_MAY_BE_CHARGED, _is_silent(lease_s)))
    row = conn.execute(
        select(*COLUMNS).where(replenishments.c.id == purchase_id, is_free).with_for_update()
    ).first()
    return to_purchase(row) if row else None


def account_of(conn: Connection, purchase_id: str) -> str:
    """Return whose purchase it is."""
    query = select(replenishments.c.account_id).where(replenishments.c.id == purchase_id)
    found: str = conn.execute(query).scalar_one()
    return found


def take_up(conn: Connection, purchase_id: str, *, amount_nanos: int) -> tuple[datetime, float]:
    """Mark a purchase as being asked for; return the fence, and the seconds since the first time.

    That first time is the transaction's, which the month's cap was compared at. One that has
    failed stays so.
    """
    taken = conn.execute(
        update(replenishments)
        .where(replenishments.c.id == purchase_id)
        .values(
            state=case((_IS_NEW, "buying"), else_=replenishments.c.state),
            amount_nanos=amount_nanos,
            first_asked_at=func.coalesce(replenishments.c.first_asked_at, func.now()),
            asked_at=func.clock_timestamp(),
        )
        .returning(replenishments.c.asked_at, _AGE_S)
    ).one()
    return taken.asked_at, taken.age_s


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


def finish(
    conn: Connection, purchase_id: str, *, lot_id: str, transfer_id: str, expires_s: float | None
) -> bool:
    """Credit what was bought, and end the purchase; False when it was credited already.

    What the source has charged is credited whoever found out, so no fence is asked for, and also
    when the purchase had failed. The purchase names its lot; the lot has no reference, which a
    deposit could have taken. It expires `expires_s` seconds from now, or never.
    """
    row = conn.execute(
        select(replenishments.c.account_id, replenishments.c.amount_nanos)
        .where(replenishments.c.id == purchase_id, replenishments.c.state.in_(["buying", "failed"]))
        .with_for_update()
    ).first()
    if row is None:
        return False
    conn.execute(
        insert(lots).values(
            id=lot_id,
            account_id=row.account_id,
            source="replenishment",
            amount_nanos=row.amount_nanos,
            expires_at=None if expires_s is None else func.now() + seconds(expires_s),
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
        .values(state="done", reason=None, lot_id=lot_id, finished_at=func.now())
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


def clock(conn: Connection) -> datetime:
    """Return the database's time, which is what signatures carry."""
    now: datetime = conn.execute(select(func.now())).scalar_one()
    return now


def _is_silent(lease_s: float) -> Any:
    age_s = _epoch(replenishments.c.asked_at - replenishments.c.first_asked_at)
    pause_s = func.greatest(lease_s, func.least(age_s / LOOK_UPS_PER_AGE, LOOK_UP_S_MAX))
    return replenishments.c.asked_at < func.now() - seconds(pause_s)


def _epoch(interval: Any) -> Any:
    return func.extract("epoch", interval).cast(Double())


_AGE_S: Final = _epoch(replenishments.c.asked_at - replenishments.c.first_asked_at).label("age_s")
