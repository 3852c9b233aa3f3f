"""Lots that have nothing left to give are closed, and no hold looks at them again."""

from sqlalchemy import text

from app.gateway import Gateway
from app.services.keeping.sweep import sweep
from app.store.keeping import spent
from tests.factories import (
    Customer,
    answer,
    make_customer,
    make_job,
    settle_one,
    start_one,
)
from tests.services.book import HOLD_NANOS, change, look, make_lot

FULL = answer(109, 100)
"""An answer that costs the whole of its hold."""


def is_closed(gateway: Gateway, lot_id: str) -> bool:
    """Return whether a lot is closed."""
    (row,) = look(gateway, "SELECT closed_at FROM lots WHERE id = :id", id=lot_id)
    return row.closed_at is not None


def lapse(gateway: Gateway, lot_id: str) -> None:
    """Let a lot expire."""
    change(gateway, f"UPDATE lots SET expires_at = now() WHERE id = '{lot_id}'")


def test_a_spent_lot_is_closed(gateway: Gateway) -> None:
    """What was used to the last nano-dollar is closed; what has something left is not."""
    owner = make_customer(gateway, "0")
    used, left = make_lot(gateway, owner, HOLD_NANOS), make_lot(gateway, owner, HOLD_NANOS)
    settle_one(gateway, start_one(gateway, make_job(gateway, owner)), FULL)
    sweep(gateway)
    assert (is_closed(gateway, used), is_closed(gateway, left)) == (True, False)


def test_an_expired_lot_is_closed_once_nothing_is_held_on_it(gateway: Gateway) -> None:
    """A job under way may still spend what it holds."""
    owner = make_customer(gateway, "0")
    lot = make_lot(gateway, owner, 2 * HOLD_NANOS)
    started = start_one(gateway, make_job(gateway, owner))
    lapse(gateway, lot)
    sweep(gateway)
    assert not is_closed(gateway, lot)
    settle_one(gateway, started, FULL)
    sweep(gateway)
    assert is_closed(gateway, lot)


def test_all_lots_are_looked_at_in_steps(gateway: Gateway, customer: Customer) -> None:
    """A step says where the next one goes on; after the last the walk begins anew."""
    many = text(
        "INSERT INTO lots (id, account_id, source, amount_nanos, expires_at, reference)"
        " SELECT 'lot_z' || n, :account_id, 'grant', 1, now(), 'many ' || n"
        " FROM generate_series(1, :lots) n"
    )
    with gateway.engine.connect() as conn, conn.begin() as never:
        lots = spent.ROWS_MAX + 3
        conn.execute(many, {"account_id": customer.account_id, "lots": lots})
        closed, go_on = spent.close(conn, ("", ""))
        assert go_on is not None
        rest, end = spent.close(conn, go_on)
        assert (closed + rest, end) == (lots, None)
        never.rollback()
