"""Credit an account: deposits and grants, and lots of tokens among them."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import OutOfRange, ReferenceReused
from app.domain.money import format_dollars
from app.gateway import Gateway
from app.services.keeping.wake import wake_account
from app.services.operate import references
from app.store.engine import again, transaction
from app.store.operating import crediting
from app.store.operating.crediting import Credited, Source, Terms
from app.store.records import audit

log = logging.getLogger("busbar.credit")


class Lasting(StrEnum):
    """How long a lot lasts where it is not said: as long as the settings have it."""

    USUAL = "usual"


Expiry = timedelta | datetime | Lasting | None
"""After a period, at a moment, as usual, or never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """What an operator gives: an amount, and on which terms.

    With `tokens` it is a lot of so many tokens of `instrument`, which cost `nanos` together.
    """

    nanos: int
    reference: str | None = None
    expires: Expiry = Lasting.USUAL
    instrument: str | None = None
    tokens: int | None = None
    why: str | None = None


def deposit(gateway: Gateway, account_id: str, wanted: Credit, *, actor: str) -> Credited:
    """Credit what somebody paid. Errors are those of `grant`."""
    return credit(gateway, Source.DEPOSIT, account_id, wanted, actor=actor)


def grant(gateway: Gateway, account_id: str, wanted: Credit, *, actor: str) -> Credited:
    """Credit what nobody paid for.

    The same reference credits an account once. Raises ReferenceReused when it was used for another
    credit, and OutOfRange for terms that no lot can have.
    """
    return credit(gateway, Source.GRANT, account_id, wanted, actor=actor)


def credit(
    gateway: Gateway, source: Source, account_id: str, wanted: Credit, *, actor: str
) -> Credited:
    """Credit an account with a lot, then wake the jobs that waited for it."""
    terms = Terms(
        expires=_expires(gateway, wanted.expires),
        instrument=wanted.instrument.lower() if wanted.instrument is not None else None,
        tokens=wanted.tokens,
    )
    _check(gateway, terms)
    references.check(wanted.reference)

    def write() -> Credited:
        with transaction(gateway.engine) as conn:
            amount = format_dollars(wanted.nanos)
            references.find(conn, account_id, wanted.reference, action=source, amount=amount)
            given = crediting.credit(
                conn,
                lot_id=gateway.new_id("lot"),
                transfer_id=gateway.new_id("tr"),
                account_id=account_id,
                source=source,
                amount_nanos=wanted.nanos,
                reference=wanted.reference,
                terms=terms,
            )
            if not given.is_new:
                _compare(given, source, wanted, terms)
                return given
            if given.is_past:
                raise OutOfRange(f"{given.expires_at:%Y-%m-%d %H:%M} UTC is over.", param="expires")
            audit.write(
                conn,
                gateway.new_id("aud"),
                actor=actor,
                action=source.value,
                account_id=account_id,
                details=_details(given, wanted),
            )
            return given

    given = again(write)
    wake(gateway, account_id)
    return given


def keeps_expiry(given: Credited, wanted: Expiry) -> bool:
    """True unless a credit that was there before lasts longer or shorter than is wanted now."""
    if given.is_new or isinstance(wanted, Lasting):
        return True
    moment = given.created_at + wanted if isinstance(wanted, timedelta) else wanted
    return given.expires_at == moment


def wake(gateway: Gateway, account_id: str) -> None:
    """Wake the first jobs at once. The money is there: an error now must not say it is not."""
    try:
        wake_account(gateway, account_id)
    except SQLAlchemyError as error:
        # The keeper looks at every account that has jobs waiting for its balance.
        log.warning("credit.wakes_later account=%s error=%s", account_id, type(error).__name__)


def _expires(gateway: Gateway, wanted: Expiry) -> timedelta | datetime | None:
    if not isinstance(wanted, Lasting):
        return wanted
    usual_s = gateway.settings.lot_expires_s
    return timedelta(seconds=usual_s) if usual_s is not None else None


def _check(gateway: Gateway, terms: Terms) -> None:
    if terms.tokens is not None and terms.instrument is None:
        raise OutOfRange("A lot of tokens needs the instrument they are for.", param="instrument")
    if terms.instrument is not None and terms.instrument not in gateway.catalog.instruments:
        names = ", ".join(sorted(gateway.catalog.instruments))
        message = f"The catalog has no instrument {terms.instrument!r}; it has {names}."
        raise OutOfRange(message, param="instrument")


def _compare(given: Credited, source: Source, wanted: Credit, terms: Terms) -> None:
    """Raise unless a credit is the one its reference stands for. When it expires may differ."""
    if (given.amount_nanos, given.source) != (wanted.nanos, source):
        raise ReferenceReused(
            f"Reference {wanted.reference!r} was used for another amount: a {given.source} of "
            f"{format_dollars(given.amount_nanos)} dollars."
        )
    if (given.instrument, given.tokens) != (terms.instrument, terms.tokens):
        raise ReferenceReused(f"Reference {wanted.reference!r} was used for another kind of lot.")


def _details(given: Credited, wanted: Credit) -> dict[str, str | int]:
    told = {
        "lot": given.lot_id,
        "amount": format_dollars(given.amount_nanos),
        "reference": wanted.reference,
        "instrument": given.instrument,
        "tokens": given.tokens,
        "expires_at": given.expires_at.isoformat() if given.expires_at else None,
        "why": wanted.why,
    }
    return {name: value for name, value in told.items() if value is not None}
