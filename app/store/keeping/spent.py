"""Closing lots that have nothing left to give, so that no hold ever looks at them again."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Text, and_, bindparam, func, or_, select, tuple_, update

from app.store.prepared import Prepared
from app.store.tables import lots, number

ROWS_MAX: Final = 2_000
"""Open lots one step looks at."""


def close(conn: Connection, after: Sequence[str]) -> tuple[int, tuple[str, str] | None]:
    """Close spent and expired lots among the next open ones `after` an account and a lot.

    A lot that something is held on stays open: its holds may give it back, or spend it.
    Returns how many were closed, and where to go on from; None when all have been looked at.
    """
    account_id, lot_id = after
    row = _CLOSE(conn, account_id=account_id, lot_id=lot_id).one()
    at_end = row.looked_at < ROWS_MAX
    return row.closed, None if at_end else (row.account_id, row.lot_id)


def _close() -> Prepared:
    came = tuple_(bindparam("account_id", type_=Text()), bindparam("lot_id", type_=Text()))
    seen = (
        select(lots.c.account_id, lots.c.id, _IS_OVER.label("is_over"))
        .where(lots.c.closed_at.is_(None), tuple_(lots.c.account_id, lots.c.id) > came)
        .order_by(lots.c.account_id, lots.c.id)
        .limit(number(ROWS_MAX))
        .cte("seen")
    )
    # Asked again of the row as it is now: since it was seen, a hold may have drawn on it.
    closed = (
        update(lots)
        .where(lots.c.id == seen.c.id, seen.c.is_over, lots.c.closed_at.is_(None), _IS_OVER)
        .values(closed_at=func.now())
        .returning(lots.c.id)
        .cte("closed")
    )
    last = select(seen).order_by(seen.c.account_id.desc(), seen.c.id.desc()).limit(number(1))
    at = last.cte("at")
    count: list[Any] = [
        select(func.count()).select_from(closed).scalar_subquery().label("closed"),
        select(func.count()).select_from(seen).scalar_subquery().label("looked_at"),
        select(at.c.account_id).scalar_subquery().label("account_id"),
        select(at.c.id).scalar_subquery().label("lot_id"),
    ]
    return Prepared(select(*count))


_IS_OVER: Final = and_(
    lots.c.held_nanos == number(0),
    or_(lots.c.used_nanos == lots.c.amount_nanos, lots.c.expires_at <= func.now()),
)
_CLOSE: Final = _close()
