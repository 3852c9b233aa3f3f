"""Deposits that no operator makes: credit an account, then wake the jobs that waited for it."""

from datetime import timedelta

from app.domain.errors import ReferenceReused
from app.domain.money import format_dollars
from app.gateway import Gateway
from app.services.operate.credit import wake
from app.store.engine import again, transaction
from app.store.operating import crediting
from app.store.operating.crediting import Credited, Source, Terms


def deposit(
    gateway: Gateway, account_id: str, amount_nanos: int, *, reference: str | None
) -> Credited:
    """Credit an account with a lot; the same reference credits it once.

    It lasts as long as the settings say.

    The credit is committed by itself: however many jobs wait for it, they cannot make it fail.
    Raises ReferenceReused when the reference was used for another credit.
    """
    usual_s = gateway.settings.lot_expires_s
    terms = Terms(expires=timedelta(seconds=usual_s) if usual_s is not None else None)

    def write() -> Credited:
        with transaction(gateway.engine) as conn:
            given = crediting.credit(
                conn,
                lot_id=gateway.new_id("lot"),
                transfer_id=gateway.new_id("tr"),
                account_id=account_id,
                source=Source.DEPOSIT,
                amount_nanos=amount_nanos,
                reference=reference,
                terms=terms,
            )
            if (given.source, given.amount_nanos) != (Source.DEPOSIT, amount_nanos):
                raise ReferenceReused(
                    f"Reference {reference!r} was used for another amount: a {given.source} of "
                    f"{format_dollars(given.amount_nanos)} dollars."
                )
            return given

    given = again(write)
    wake(gateway, account_id)
    return given
