"""How many tokens prompts really have, beside the bound of their bytes, by instrument."""

from typing import Final

from sqlalchemy import Connection, Integer, Numeric, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert as pg_insert

from app.store.tables import calibrations, jobs, number

JOBS_LOOKED_AT: Final = 200_000
"""The newest jobs of all instruments that one look reads at most."""

JOBS_PER_INSTRUMENT: Final = 10_000
JOBS_MIN: Final = 1_000
"""Fewer tell nothing of one prompt in a thousand."""

PERCENTILE: Final = "0.999"
RATIO_PPM_MIN: Final = 250_000
"""A quarter of the bound: four bytes a token is more than any language has."""

MILLION: Final = 1_000_000


def calibrate(conn: Connection) -> int:
    """Work out each instrument's ratio from its last succeeded jobs; return for how many."""
    newest = (
        select(
            *(jobs.c.id, jobs.c.instrument, jobs.c.state),
            *(jobs.c.input_tokens, jobs.c.input_tokens_max),
        )
        .order_by(jobs.c.id.desc())
        .limit(number(JOBS_LOOKED_AT))
        .subquery("newest")
    )
    place = func.row_number().over(partition_by=newest.c.instrument, order_by=newest.c.id.desc())
    ppm = func.ceil(cast(newest.c.input_tokens, Numeric()) * MILLION / newest.c.input_tokens_max)
    placed = (
        select(newest.c.instrument, ppm.label("ppm"), place.label("place"))
        .where(newest.c.state == "succeeded", newest.c.input_tokens.is_not(None))
        .subquery("placed")
    )
    at_999 = func.percentile_disc(literal_column(PERCENTILE)).within_group(placed.c.ppm)
    ratio = func.greatest(func.least(at_999, MILLION), RATIO_PPM_MIN)
    found = (
        select(
            placed.c.instrument,
            cast(ratio, Integer()).label("ratio_ppm"),
            cast(func.count(), Integer()).label("jobs"),
        )
        .where(placed.c.place <= JOBS_PER_INSTRUMENT)
        .group_by(placed.c.instrument)
        .having(func.count() >= JOBS_MIN)
    )
    written = pg_insert(calibrations).from_select(["instrument", "ratio_ppm", "jobs"], found)
    changed = {
        "ratio_ppm": written.excluded.ratio_ppm,
        "jobs": written.excluded.jobs,
        "created_at": func.now(),
    }
    upsert = written.on_conflict_do_update(index_elements=["instrument"], set_=changed)
    return len(conn.execute(upsert.returning(calibrations.c.instrument)).all())
