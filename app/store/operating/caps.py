"""Caps as operators set them. What counts under them is reserved where jobs start."""

from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Date,
    Select,
    and_,
    func,
    insert,
    select,
    update,
)

from app.domain.limits.cap import Cap, CapScope, Period, Window
from app.store.tables import cap_windows, caps, keys


def has_key(conn: Connection, account_id: str, key_id: str) -> bool:
    """True when the account has a key of that id, revoked or not."""
    query = select(keys.c.id).where(keys.c.id == key_id, keys.c.account_id == account_id)
    return conn.execute(query).first() is not None


def change(conn: Connection, cap: Cap) -> bool:
    """Change the limit of a cap that is in force; False when there is none."""
    changed = update(caps).where(*_of(cap), caps.c.removed_at.is_(None))
    return conn.execute(changed.values(limit_nanos=cap.limit_nanos)).rowcount == 1


def put(conn: Connection, cap: Cap) -> str:
    """Put a cap in force where there is none; return its id.

    One that was in force before keeps its id, and with it what it has counted.
    """
    latest = select(func.max(caps.c.id)).where(*_of(cap)).scalar_subquery()
    known = conn.execute(
        update(caps)
        .where(caps.c.id == latest)
        .values(limit_nanos=cap.limit_nanos, removed_at=None)
        .returning(caps.c.id)
    ).first()
    if known is not None:
        return str(known.id)
    conn.execute(
        insert(caps).values(
            id=cap.id,
            account_id=cap.account_id,
            scope=cap.scope,
            subject_id=cap.subject_id,
            period=cap.period,
            limit_nanos=cap.limit_nanos,
        )
    )
    return cap.id


def remove(
    conn: Connection, account_id: str, scope: CapScope, subject_id: str, period: Period
) -> bool:
    """Take a cap away; False when there is none. Holds made under it count on in its window."""
    gone = (
        update(caps)
        .where(caps.c.account_id == account_id, caps.c.scope == scope)
        .where(caps.c.subject_id == subject_id, caps.c.period == period)
        .where(caps.c.removed_at.is_(None))
        .values(removed_at=func.now())
    )
    return conn.execute(gone).rowcount == 1


def windows(conn: Connection, account_id: str) -> list[Window]:
    """Return an account's caps in force, with what counts in their windows of now."""
    return [
        Window(
            cap=Cap(
                id=row.id,
                account_id=row.account_id,
                scope=CapScope(row.scope),
                subject_id=row.subject_id,
                period=Period(row.period),
                limit_nanos=row.limit_nanos,
            ),
            starts_on=row.starts_on,
            held_nanos=row.held_nanos,
            spent_nanos=row.spent_nanos,
        )
        for row in conn.execute(_windows(account_id))
    ]


def _of(cap: Cap) -> tuple[ColumnElement[bool], ...]:
    return (
        caps.c.account_id == cap.account_id,
        caps.c.scope == cap.scope,
        caps.c.subject_id == cap.subject_id,
        caps.c.period == cap.period,
    )


def _windows(account_id: str) -> Select[tuple[object, ...]]:
    now = and_(cap_windows.c.cap_id == caps.c.id, cap_windows.c.starts_on == STARTS_ON)
    return (
        select(
            caps,
            STARTS_ON.label("starts_on"),
            func.coalesce(cap_windows.c.held_nanos, 0).label("held_nanos"),
            func.coalesce(cap_windows.c.spent_nanos, 0).label("spent_nanos"),
        )
        .select_from(caps.outerjoin(cap_windows, now))
        .where(caps.c.account_id == account_id, caps.c.removed_at.is_(None))
        .order_by(caps.c.scope, caps.c.subject_id, caps.c.period)
    )


# Sessions keep UTC, so a day of the database's clock is a day of ours.
STARTS_ON: Final = func.date_trunc(caps.c.period, func.now()).cast(Date())
"""The first day of a cap's window of now."""
