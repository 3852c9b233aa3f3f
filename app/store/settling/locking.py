"""What a settlement must look at before it can be worked out: its fence, and the lots that pay."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    ARRAY,
    Connection,
    Integer,
    Text,
    and_,
    bindparam,
    func,
    or_,
    select,
)

from app.domain.lots import Lot
from app.domain.settlement import Settlement
from app.store.prepared import Prepared, records, rows
from app.store.starting.funds import to_lot
from app.store.tables import IS_DRAWABLE, STILL_RUNNING, jobs, lots


@dataclass(frozen=True, slots=True, kw_only=True)
class Locking:
    """The jobs whose lease is still held, and the lots that may pay, locked.

    `drawable` are those of the lots that a new hold could draw from.
    """

    mine: frozenset[str]
    lots: tuple[Lot, ...]
    drawable: frozenset[str]


def lock(conn: Connection, group: Sequence[Settlement]) -> Locking:
    """Lock first the jobs, then the lots of a group, each by id, so that nobody deadlocks."""
    mine = fence(conn, group)
    due = [s.due for s in group if s.due is not None]
    lot_ids = set[str]().union(*(s.lot_ids for s in group))
    lot_ids |= {part.lot_id for each in due for part in each.hold.parts}
    accounts = {each.hold.account_id for each in due}
    found = _LOTS(conn, lot_ids=sorted(lot_ids), account_ids=sorted(accounts))
    return Locking(
        mine=mine,
        lots=tuple(map(to_lot, found)),
        drawable=frozenset(row.id for row in found if row.is_drawable),
    )


def fence(conn: Connection, group: Sequence[Settlement]) -> frozenset[str]:
    """Lock the jobs of a group whose lease is still held, by id, and return which they are."""
    jobs_of = [(s.job_id, s.attempt) for s in group]
    return frozenset(row.id for row in _FENCE(conn, **records("f", jobs_of, "id", "attempt")))


def _fence() -> Prepared:
    mine = rows("f", id=Text(), attempt=Integer())
    return Prepared(
        select(jobs.c.id)
        .join(mine, and_(mine.c.id == jobs.c.id, mine.c.attempt == jobs.c.attempt))
        .where(STILL_RUNNING)
        .order_by(jobs.c.id)
        .with_for_update(key_share=True, of=jobs)
    )


def _lots() -> Prepared:
    named = lots.c.id == func.any(bindparam("lot_ids", type_=ARRAY(Text())))
    further = and_(
        lots.c.account_id == func.any(bindparam("account_ids", type_=ARRAY(Text()))), IS_DRAWABLE
    )
    return Prepared(
        select(lots, IS_DRAWABLE.label("is_drawable"))
        .where(or_(named, further))
        .order_by(lots.c.id)
        .with_for_update(key_share=True)
    )


_FENCE: Final = _fence()
_LOTS: Final = _lots()
