"""T2 locks what jobs may draw on: lots, and the windows of caps where there are any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Text,
    bindparam,
    func,
    select,
)

from app.domain.limits.cap import Window
from app.domain.lots import Lot
from app.store.prepared import Prepared
from app.store.starting import windows
from app.store.starting.claims import Claimed
from app.store.tables import IS_DRAWABLE, accounts, caps, lots


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """What some accounts may draw on now.

    `calibrated` are those whose holds are made by `ratios`: millionths of the bound, by instrument.
    """

    lots: tuple[Lot, ...] = ()
    windows: tuple[Window, ...] = ()
    calibrated: frozenset[str] = frozenset()
    ratios: Mapping[str, int] = field(default_factory=dict)


def lock(conn: Connection, broke: Sequence[Claimed]) -> Funds:
    """Lock what these jobs may draw on: lots by id, then windows by id, so that nobody deadlocks.

    One question, unless an account among them has caps, calibrated holds, or nothing to draw from.
    """
    if not broke:
        return Funds()
    account_ids = {job.account_id for job in broke}
    found = _LOCK_LOTS(conn, account_ids=sorted(account_ids))
    empty = account_ids - {row.account_id for row in found}
    # What never fits under a cap is told so also then, before anybody buys a balance for it.
    about = [*found, *(_ACCOUNTS(conn, account_ids=sorted(empty)) if empty else ())]
    return with_rules(conn, broke, tuple(map(to_lot, found)), about)


def with_rules(
    conn: Connection, broke: Sequence[Claimed], found: tuple[Lot, ...], about: Sequence[Any]
) -> Funds:
    """Return these lots with what else holds on them must heed, by the accounts' rows."""
    capped = {row.account_id for row in about if row.is_capped}
    keys = {job.key_id for job in broke if job.account_id in capped}
    calibrated = frozenset(row.account_id for row in about if row.hold_mode == "calibrated")
    return Funds(
        lots=found,
        windows=tuple(windows.lock(conn, sorted(capped), sorted(keys)) if capped else ()),
        calibrated=calibrated,
        ratios=windows.ratios(conn) if calibrated else {},
    )


def to_lot(row: Any) -> Lot:
    """Return the lot of a row."""
    return Lot(
        id=row.id,
        account_id=row.account_id,
        amount_nanos=row.amount_nanos,
        used_nanos=row.used_nanos,
        held_nanos=row.held_nanos,
        created_at=row.created_at,
        expires_at=row.expires_at,
        instrument=row.instrument,
        tokens=row.tokens,
        tokens_used=row.tokens_used,
    )


def is_capped(account_id: ColumnElement[str]) -> ColumnElement[bool]:
    """True for an account that has caps in force."""
    in_force = caps.c.removed_at.is_(None)
    return select(caps.c.id).where(caps.c.account_id == account_id, in_force).exists()


def _lock_lots() -> Prepared:
    # What else a hold depends on comes along, once per account, so that those without caps need no
    # question more.
    account = _ABOUT.cte("account").prefix_with("MATERIALIZED")
    return Prepared(
        select(lots, account.c.hold_mode, account.c.is_capped)
        .join(account, account.c.account_id == lots.c.account_id)
        .where(lots.c.account_id == func.any(_WANTED), IS_DRAWABLE)
        .order_by(lots.c.id)
        .with_for_update(key_share=True, of=lots)
    )


_WANTED: Final = bindparam("account_ids", type_=ARRAY(Text()))
_ABOUT: Final = select(
    accounts.c.id.label("account_id"),
    accounts.c.hold_mode,
    is_capped(accounts.c.id).label("is_capped"),
).where(accounts.c.id == func.any(_WANTED))
_ACCOUNTS: Final = Prepared(_ABOUT)
_LOCK_LOTS: Final = _lock_lots()
