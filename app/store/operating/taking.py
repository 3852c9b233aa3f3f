"""Take money from an account: an adjustment downward, out of what its lots still have."""

from collections.abc import Callable

from sqlalchemy import Connection, insert, select, update

from app.domain.lots import Lot, Part, draw, drawing_order
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
    found = _locked(conn, account_id)
    parts = draw(sorted(found, key=drawing_order), nanos)
    if parts is None:
        return sum(lot.available_nanos for lot in found)
    for part in parts:
        used = lots.c.used_nanos + part.nanos
        conn.execute(update(lots).where(lots.c.id == part.lot_id).values(used_nanos=used))
        conn.execute(
            insert(transfers).values(
                id=new_id("tr"),
                kind=Source.ADJUSTMENT,
                account_id=account_id,
                debit=account_id,
                credit=ADJUSTMENTS,
                amount_nanos=part.nanos,
                lot_id=part.lot_id,
            )
        )
    return parts


def _locked(conn: Connection, account_id: str) -> list[Lot]:
    """Return the lots that have something, locked in the order in which everybody locks them."""
    query = (
        select(lots)
        .where(lots.c.account_id == account_id, lots.c.tokens.is_(None), IS_DRAWABLE)
        .order_by(lots.c.id)
        .with_for_update(key_share=True)
    )
    return [to_lot(row) for row in conn.execute(query)]
