"""What operators look at: what is held, and what was charged of late."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Numeric, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from app.domain.pricing import Price
from app.store.tables import IS_OPEN, holds, jobs

JOBS_LOOKED_AT: Final = 10_000
"""How many of the newest jobs are looked at for what each instrument was charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHolds:
    """How many holds are open, and what they hold together."""

    count: int
    nanos: int


def open_holds(conn: Connection, account_id: str | None) -> OpenHolds:
    """Return what is held for jobs under way, of one account or of all."""
    total = func.coalesce(func.sum(holds.c.amount_nanos), 0).cast(Numeric())
    query = select(func.count().label("count"), total.label("nanos")).where(IS_OPEN)
    if account_id is not None:
        query = query.where(holds.c.account_id == account_id)
    row = conn.execute(query).one()
    return OpenHolds(count=row[0], nanos=int(row.nanos))


def last_prices(conn: Connection) -> dict[str, Price]:
    """Return at what price the newest job of each instrument was held, of those not long ago."""
    newest = (
        select(jobs.c.id, jobs.c.instrument)
        .order_by(jobs.c.id.desc())
        .limit(JOBS_LOOKED_AT)
        .subquery("newest")
    )
    query = (
        select(newest.c.instrument, holds.c.input_price_nanos, holds.c.output_price_nanos)
        .join(holds, holds.c.job_id == newest.c.id)
        .ext(distinct_on(newest.c.instrument))
        .order_by(newest.c.instrument, newest.c.id.desc())
    )
    return {
        row.instrument: Price(
            input_nanos=row.input_price_nanos, output_nanos=row.output_price_nanos
        )
        for row in conn.execute(query)
    }
