"""Deposits: credit an account, and wake the jobs that waited for it."""

from app.domain.errors import ReferenceReused
from app.gateway import Gateway
from app.store import money
from app.store.engine import again, transaction
from app.store.money import Deposited


def deposit(
    gateway: Gateway, account_id: str, amount_nanos: int, *, reference: str | None
) -> Deposited:
    """Credit an account with a lot that never expires; the same reference credits it once.

    Raises ReferenceReused when the reference was used for another amount.
    """

    def write() -> Deposited:
        with transaction(gateway.engine) as conn:
            deposited = money.deposit(
                conn,
                lot_id=gateway.new_id("lot"),
                transfer_id=gateway.new_id("tr"),
                account_id=account_id,
                amount_nanos=amount_nanos,
                reference=reference,
            )
            if deposited.amount_nanos != amount_nanos:
                raise ReferenceReused(f"Reference {reference!r} was used for another amount.")
            if deposited.is_new:
                money.wake_waiting(conn, account_id)
            return deposited

    return again(write)
