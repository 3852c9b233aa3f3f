"""Deposits: credit an account, then wake the jobs that waited for it."""

import logging

from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import ReferenceReused
from app.gateway import Gateway
from app.services.keeping.wake import wake_account
from app.store import money
from app.store.engine import again, transaction
from app.store.money import Deposited

log = logging.getLogger("busbar.fund")


def deposit(
    gateway: Gateway, account_id: str, amount_nanos: int, *, reference: str | None
) -> Deposited:
    """Credit an account with a lot; the same reference credits it once.

    It lasts as long as the settings say.

    The credit is committed by itself: however many jobs wait for it, they cannot make it fail.
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
                expires_s=gateway.settings.lot_expires_s,
            )
            if deposited.amount_nanos != amount_nanos:
                raise ReferenceReused(f"Reference {reference!r} was used for another amount.")
            return deposited

    deposited = again(write)
    _wake(gateway, account_id)
    return deposited


def _wake(gateway: Gateway, account_id: str) -> None:
    """Wake the first jobs at once. The money is there: an error now must not say it is not."""
    try:
        wake_account(gateway, account_id)
    except SQLAlchemyError as error:
        # The keeper looks at every account that has jobs waiting for its balance.
        log.warning("fund.wakes_later account=%s error=%s", account_id, type(error).__name__)
