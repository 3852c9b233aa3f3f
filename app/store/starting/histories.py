"""What earlier attempts of a job left behind: its hold, and the routes that failed it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ARRAY, Connection, Text, bindparam, func, select

from app.domain.hold import Hold
from app.domain.lots import Part
from app.domain.pricing import Price
from app.store.prepared import Prepared
from app.store.tables import IS_OPEN, attempts, hold_caps, hold_lots, holds, lots


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What earlier attempts of a job left behind: its hold, and the routes that failed it."""

    hold: Hold | None
    failed_routes: tuple[str, ...]


def of(conn: Connection, ids: Sequence[str]) -> Mapping[str, History]:
    """Return the open holds and the failed routes of jobs that were tried before."""
    found: dict[str, tuple[list[Part], Any]] = {}
    for row in _HOLDS(conn, ids=list(ids)):
        parts, _ = found.setdefault(row.job_id, ([], row))
        if row.lot_id is not None:
            part = Part(lot_id=row.lot_id, nanos=row.part_nanos, tokens=row.part_tokens)
            parts.append(part)
    failed: dict[str, list[str]] = {}
    for row in _FAILED(conn, ids=list(ids)):
        failed.setdefault(row.job_id, []).append(f"{row.provider}/{row.model}")
    return {
        job_id: History(
            hold=_to_hold(*found[job_id]) if job_id in found else None,
            failed_routes=tuple(failed.get(job_id, ())),
        )
        for job_id in ids
    }


def _to_hold(parts: Sequence[Part], row: Any) -> Hold:
    return Hold(
        job_id=row.job_id,
        account_id=row.account_id,
        price=Price(input_nanos=row.input_price_nanos, output_nanos=row.output_price_nanos),
        parts=tuple(parts),
        caps=tuple(row.caps),
    )


_IDS: Final = bindparam("ids", type_=ARRAY(Text()))


def _holds() -> Prepared:
    caps = func.array(
        select(hold_caps.c.cap_id).where(hold_caps.c.job_id == holds.c.job_id).scalar_subquery()
    )
    return Prepared(
        select(
            holds.c.job_id,
            holds.c.account_id,
            holds.c.input_price_nanos,
            holds.c.output_price_nanos,
            hold_lots.c.lot_id,
            hold_lots.c.amount_nanos.label("part_nanos"),
            hold_lots.c.tokens.label("part_tokens"),
            caps.label("caps"),
        )
        .select_from(
            holds.outerjoin(
                hold_lots.join(lots, lots.c.id == hold_lots.c.lot_id),
                hold_lots.c.job_id == holds.c.job_id,
            )
        )
        .where(holds.c.job_id == func.any(_IDS), IS_OPEN)
        .order_by(
            holds.c.job_id,
            hold_lots.c.tokens.is_(None),
            lots.c.expires_at.nulls_last(),
            lots.c.created_at,
            hold_lots.c.lot_id,
        )
    )


_HOLDS: Final = _holds()
_FAILED: Final = Prepared(
    select(attempts.c.job_id, attempts.c.provider, attempts.c.model)
    .where(attempts.c.job_id == func.any(_IDS), attempts.c.state == "failed")
    .order_by(attempts.c.job_id, attempts.c.number)
)
