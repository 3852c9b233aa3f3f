"""Credits that operators give: a lot, and the transfer that credits it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, func, insert, literal, select
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.store.money import FUNDING
from app.store.settlements import REVENUE
from app.store.tables import lots, transfers


class Source(StrEnum):
    """Where a credit comes from; also the kind of the transfer that makes it."""

    DEPOSIT = "deposit"
    GRANT = "grant"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"


GRANTS: Final = "platform:grants"
ADJUSTMENTS: Final = "platform:adjustments"

BOOK_OF: Final[Mapping[Source, str]] = {
    Source.DEPOSIT: FUNDING,
    Source.GRANT: GRANTS,
    Source.REFUND: REVENUE,
    Source.ADJUSTMENT: ADJUSTMENTS,
}
"""The book each kind of credit debits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a lot may be used for, and how long: a period from now on, a moment, or None for ever.

    With `tokens` it is a lot of so many tokens of its instrument, which cost its amount together.
    """

    expires: timedelta | datetime | None = None
    instrument: str | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """A lot that an operator gave; not new when its reference had credited it before.

    `is_past`: it would have expired already.
    """

    lot_id: str
    source: str
    amount_nanos: int
    instrument: str | None
    tokens: int | None
    created_at: datetime
    expires_at: datetime | None
    is_new: bool
    is_past: bool


def credit(
    conn: Connection,
    *,
    lot_id: str,
    transfer_id: str,
    account_id: str,
    source: Source,
    amount_nanos: int,
    reference: str | None,
    terms: Terms,
) -> Credited:
    """Credit an account with a new lot; a reference credits it once, however often it comes."""
    added = conn.execute(
        pg_insert(lots)
        .values(
            id=lot_id,
            account_id=account_id,
            source=source,
            reference=reference,
            amount_nanos=amount_nanos,
            instrument=terms.instrument,
            tokens=terms.tokens,
            expires_at=_moment(terms.expires),
        )
        .on_conflict_do_nothing(constraint="a_reference_credits_an_account_once")
        .returning(lots.c.id)
    ).first()
    if added is not None:
        conn.execute(
            insert(transfers).values(
                id=transfer_id,
                kind=source,
                account_id=account_id,
                debit=BOOK_OF[source],
                credit=account_id,
                amount_nanos=amount_nanos,
                lot_id=lot_id,
            )
        )
    is_it = lots.c.id == lot_id if added is not None else lots.c.reference == reference
    return _credited(conn, and_(lots.c.account_id == account_id, is_it), is_new=added is not None)


def _credited(conn: Connection, is_it: ColumnElement[bool], *, is_new: bool) -> Credited:
    is_past = func.coalesce(lots.c.expires_at <= func.now(), False)
    row = conn.execute(select(lots, is_past.label("is_past")).where(is_it)).one()
    return Credited(
        lot_id=row.id,
        source=row.source,
        amount_nanos=row.amount_nanos,
        instrument=row.instrument,
        tokens=row.tokens,
        created_at=row.created_at,
        expires_at=row.expires_at,
        is_new=is_new,
        is_past=row.is_past,
    )


def _moment(expires: timedelta | datetime | None) -> Any:
    return func.now() + literal(expires) if isinstance(expires, timedelta) else expires
