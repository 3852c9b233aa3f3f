"""Take from an account: an adjustment downward, out of what its lots still have."""

from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, insert, select, update

from app.domain.lots import Lot, Part, draw, drawing_order, spent
from app.store.operating.crediting import ADJUSTMENTS, Source
from app.store.starting.funds import to_lot
from app.store.tables import IS_DRAWABLE, lots, transfers


def take(
    conn: Connection, account_id: str, nanos: int, *, new_id: Callable[[str], str]
) -> tuple[Part, ...] | int:
    """Draw from an account's lots of money in their order; return what each gave.

    When they fall short nothing is drawn, and what they have together is returned instead. What is
    held for jobs and what is paid for in tokens is not touched.
    """
    found = _locked(conn, account_id, lots.c.tokens.is_(None))
    parts = draw(sorted(found, key=drawing_order), nanos)
    if parts is None:
        return sum(lot.available_nanos for lot in found)
    for part in parts:
        _draw(conn, account_id, part, transfer_id=new_id("tr"))
    return parts


def take_lot(conn: Connection, account_id: str, lot_id: str, *, transfer_id: str) -> Part | None:
    """Draw all that one lot has, of money or of tokens, but for what is held; None for nothing."""
    found = _locked(conn, account_id, lots.c.id == lot_id)
    part = _rest(found[0]) if found else None
    if part is None or part.nanos == 0:
        return None
    _draw(conn, account_id, part, transfer_id=transfer_id)
    return part


def has_lot(conn: Connection, account_id: str, lot_id: str) -> bool:
    """True when the account has a lot of that id, whatever is left of it."""
    query = select(lots.c.id).where(lots.c.id == lot_id, lots.c.account_id == account_id)
    return conn.execute(query).first() is not None


def _rest(lot: Lot) -> Part:
    if lot.tokens is None:
        return Part(lot_id=lot.id, nanos=lot.available_nanos)
    tokens = lot.available_tokens
    return Part(lot_id=lot.id, nanos=spent(lot, tokens), tokens=tokens)


def _locked(conn: Connection, account_id: str, which: ColumnElement[bool]) -> list[Lot]:
    """Return the lots that have something, locked in the order in which everybody locks them."""
    query = (
        select(lots)
        .where(lots.c.account_id == account_id, which, IS_DRAWABLE)
        .order_by(lots.c.id)
        .with_for_update(key_share=True)
    )
    return [to_lot(row) for row in conn.execute(query)]


def _draw(conn: Connection, account_id: str, part: Part, *, transfer_id: str) -> None:
    conn.execute(
        update(lots)
        .where(lots.c.id == part.lot_id)
        .values(
            used_nanos=lots.c.used_nanos + part.nanos,
            tokens_used=lots.c.tokens_used + (part.tokens or 0),
        )
    )
    conn.execute(
        insert(transfers).values(
            id=transfer_id,
            kind=Source.ADJUSTMENT,
            account_id=account_id,
            debit=account_id,
            credit=ADJUSTMENTS,
            amount_nanos=part.nanos,
            lot_id=part.lot_id,
        )
    )
