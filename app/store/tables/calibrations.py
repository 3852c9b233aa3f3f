"""How many tokens a prompt of an instrument really has, beside the bound of its bytes."""

from sqlalchemy import CheckConstraint, Column, Integer, Table, Text

from app.store.tables.base import created_at, metadata

calibrations = Table(
    "calibrations",
    metadata,
    Column("instrument", Text, primary_key=True),
    # The 99.9th percentile of tokens over the bound, in millionths.
    Column("ratio_ppm", Integer, nullable=False),
    Column("jobs", Integer, nullable=False),
    created_at(),
    CheckConstraint("ratio_ppm BETWEEN 250000 AND 1000000", name="calibration_stays_a_bound"),
)
