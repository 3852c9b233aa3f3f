"""Caps: how much of a balance may be spent in a day or a month, reserved beside each hold."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Table,
    Text,
    text,
)

from app.store.tables.base import Id, Moment, created_at, metadata

caps = Table(
    "caps",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("scope", Text, nullable=False),
    # The account, the key, or (to come) the batch that is capped.
    Column("subject_id", Id, nullable=False),
    Column("period", Text, nullable=False),
    Column("limit_nanos", BigInteger, nullable=False),
    created_at(),
    Column("removed_at", Moment),
    CheckConstraint("scope IN ('account', 'key', 'batch')", name="caps_have_a_known_scope"),
    CheckConstraint("period IN ('day', 'month')", name="caps_have_a_known_period"),
    CheckConstraint("limit_nanos >= 0", name="a_cap_is_never_negative"),
    Index(
        "ix_caps_in_force",
        "account_id",
        "scope",
        "subject_id",
        "period",
        unique=True,
        postgresql_where=text("removed_at IS NULL"),
    ),
)

cap_windows = Table(
    "cap_windows",
    metadata,
    Column("cap_id", Id, ForeignKey("caps.id"), primary_key=True),
    # The first day of the window, in UTC.
    Column("starts_on", Date, primary_key=True),
    Column("held_nanos", BigInteger, nullable=False, server_default="0"),
    Column("spent_nanos", BigInteger, nullable=False, server_default="0"),
    CheckConstraint("held_nanos >= 0 AND spent_nanos >= 0", name="windows_never_go_below_zero"),
    postgresql_with={"fillfactor": "50"},
)

hold_caps = Table(
    "hold_caps",
    metadata,
    # A hold belongs to the window in which it was opened, whenever it is settled.
    Column("job_id", Id, ForeignKey("holds.job_id"), primary_key=True),
    Column("cap_id", Id, primary_key=True),
    Column("starts_on", Date, nullable=False),
    ForeignKeyConstraint(
        ["cap_id", "starts_on"],
        ["cap_windows.cap_id", "cap_windows.starts_on"],
        name="hold_caps_window_exists",
    ),
)
