"""Caps in T2 and T3: their windows locked, held in beside each hold, and moved as it is settled.

Windows are locked after lots, in the order of their ids, so that nobody deadlocks.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    Connection,
    Date,
    Double,
    Interval,
    Text,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.domain.hold import Hold
from app.domain.limits.cap import Cap, CapScope, Period, Window
from app.store.prepared import Prepared, records, rows
from app.store.tables import calibrations, cap_windows, caps, hold_caps, holds


def lock(conn: Connection, account_ids: Sequence[str], key_ids: Sequence[str]) -> list[Window]:
    """Lock and return the windows of today and this month that bind these accounts and keys."""
    values = {"account_ids": list(account_ids), "subject_ids": [*account_ids, *key_ids]}
    found = _LOCK(conn, **values)
    if any(row.held_nanos is None for row in found):
        _OPEN(conn, **values)
        found = _LOCK(conn, **values)
    # A cap that came between the two looks binds those who look after it.
    return [_to_window(row) for row in found if row.held_nanos is not None]


def reserve(conn: Connection, new_holds: Sequence[Hold], windows: Sequence[Window]) -> None:
    """Write which windows new holds are reserved in, and hold them there."""
    starts_on = {window.cap.id: window.starts_on for window in windows}
    entries = [
        (hold.job_id, cap_id, starts_on[cap_id], hold.nanos)
        for hold in new_holds
        for cap_id in hold.caps
    ]
    if entries:
        _RESERVE(conn, **records("r", entries, "job_id", "cap_id", "starts_on", "nanos"))


def move(conn: Connection, job_ids: Sequence[str]) -> None:
    """Move what just closed holds of these jobs held in their windows to what they spent."""
    if job_ids:
        _LOCK_OF(conn, ids=list(job_ids))
        _MOVE(conn, ids=list(job_ids))


def ratios(conn: Connection) -> dict[str, int]:
    """Return the calibration of each instrument that has one, in millionths of the bound."""
    return {row.instrument: row.ratio_ppm for row in _RATIOS(conn)}


def _to_window(row: Any) -> Window:
    return Window(
        cap=Cap(
            id=row.id,
            account_id=row.account_id,
            scope=CapScope(row.scope),
            subject_id=row.subject_id,
            period=Period(row.period),
            limit_nanos=row.limit_nanos,
        ),
        starts_on=row.starts_on,
        held_nanos=row.held_nanos,
        spent_nanos=row.spent_nanos,
        resets_in_s=row.resets_in_s,
    )


_A_DAY: Final = literal_column("interval '1 day'", type_=Interval())
_A_MONTH: Final = literal_column("interval '1 month'", type_=Interval())


def _binding() -> CTE:
    """The caps in force that bind, with the first day of their window, by the database's clock."""
    moment = func.timezone("UTC", func.now())
    began = func.date_trunc(caps.c.period, moment)
    one = case((caps.c.period == Period.DAY.value, _A_DAY), else_=_A_MONTH)
    left: Any = func.extract("epoch", began + one - moment)
    return (
        select(caps, cast(began, Date()).label("starts_on"))
        .add_columns(left.cast(Double()).label("resets_in_s"))
        .where(caps.c.account_id == func.any(bindparam("account_ids", type_=ARRAY(Text()))))
        .where(caps.c.subject_id == func.any(bindparam("subject_ids", type_=ARRAY(Text()))))
        .where(caps.c.removed_at.is_(None))
        .cte("binding")
    )


def _lock() -> Prepared:
    binding = _binding()
    ordered = select(binding).order_by(binding.c.id).cte("ordered").prefix_with("MATERIALIZED")
    window = (
        select(cap_windows.c.held_nanos, cap_windows.c.spent_nanos)
        .where(cap_windows.c.cap_id == ordered.c.id, cap_windows.c.starts_on == ordered.c.starts_on)
        .with_for_update(key_share=True)
        .lateral("window_now")
    )
    return Prepared(
        select(ordered, window.c.held_nanos, window.c.spent_nanos).select_from(
            ordered.outerjoin(window, true())
        )
    )


def _open() -> Prepared:
    binding = _binding()
    return Prepared(
        pg_insert(cap_windows)
        .from_select(
            ["cap_id", "starts_on"],
            select(binding.c.id, binding.c.starts_on).order_by(binding.c.id),
        )
        .on_conflict_do_nothing()
    )


def _reserve() -> Prepared:
    entry = rows("r", job_id=Text(), cap_id=Text(), starts_on=Date(), nanos=BigInteger())
    sums = (
        select(
            entry.c.cap_id,
            entry.c.starts_on,
            func.sum(entry.c.nanos).cast(BigInteger()).label("nanos"),
        )
        .group_by(entry.c.cap_id, entry.c.starts_on)
        .subquery("sums")
    )
    written = [
        insert(hold_caps)
        .from_select(
            ["job_id", "cap_id", "starts_on"],
            select(entry.c.job_id, entry.c.cap_id, entry.c.starts_on),
        )
        .cte("written_caps"),
        update(cap_windows)
        .where(cap_windows.c.cap_id == sums.c.cap_id, cap_windows.c.starts_on == sums.c.starts_on)
        .values(held_nanos=cap_windows.c.held_nanos + sums.c.nanos)
        .cte("taken"),
    ]
    return Prepared(select(literal(1)).add_cte(*written))


_IDS: Final = bindparam("ids", type_=ARRAY(Text()))


def _lock_of() -> Prepared:
    theirs = (
        select(hold_caps.c.cap_id, hold_caps.c.starts_on)
        .where(hold_caps.c.job_id == func.any(_IDS))
        .distinct()
        .subquery("theirs")
    )
    return Prepared(
        select(cap_windows.c.cap_id)
        .join(
            theirs,
            (theirs.c.cap_id == cap_windows.c.cap_id)
            & (theirs.c.starts_on == cap_windows.c.starts_on),
        )
        .order_by(cap_windows.c.cap_id, cap_windows.c.starts_on)
        .with_for_update(key_share=True, of=cap_windows)
    )


def _move() -> Prepared:
    """What closed in this very transaction: `closed_at` is its moment."""
    sums = (
        select(
            hold_caps.c.cap_id,
            hold_caps.c.starts_on,
            func.sum(holds.c.amount_nanos).cast(BigInteger()).label("held"),
            func.sum(holds.c.captured_nanos + holds.c.overrun_nanos)
            .cast(BigInteger())
            .label("spent"),
        )
        .join(holds, holds.c.job_id == hold_caps.c.job_id)
        .where(hold_caps.c.job_id == func.any(_IDS), holds.c.closed_at == func.now())
        .group_by(hold_caps.c.cap_id, hold_caps.c.starts_on)
        .subquery("sums")
    )
    return Prepared(
        update(cap_windows)
        .where(cap_windows.c.cap_id == sums.c.cap_id, cap_windows.c.starts_on == sums.c.starts_on)
        .values(
            held_nanos=cap_windows.c.held_nanos - sums.c.held,
            spent_nanos=cap_windows.c.spent_nanos + sums.c.spent,
        )
    )


_LOCK: Final = _lock()
_OPEN: Final = _open()
_RESERVE: Final = _reserve()
_LOCK_OF: Final = _lock_of()
_MOVE: Final = _move()
_RATIOS: Final = Prepared(select(calibrations.c.instrument, calibrations.c.ratio_ppm))
