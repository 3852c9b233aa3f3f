"""What happened, for those who ask later: events, what operators did, usage by day."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.store.tables.base import Id, created_at, metadata

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("type", Text, nullable=False),
    Column("data", JSONB, nullable=False),
    created_at(),
    CheckConstraint("type ~ '^[a-z]+[.][a-z_]+$'", name="types_of_events_are_two_words"),
    Index("ix_events_by_account", "account_id", "id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    # Who acted, as far as the command can know: the system's user and host.
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("account_id", Id, ForeignKey("accounts.id")),
    Column("details", JSONB, nullable=False),
    created_at(),
    Index("ix_audit_by_account", "account_id", "id"),
)

usage_days = Table(
    "usage_days",
    metadata,
    # Jobs belong to the day, in UTC, in which they were submitted.
    Column("account_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("instrument", Text, primary_key=True),
    Column("key_id", Id, primary_key=True),
    Column("jobs", BigInteger, nullable=False),
    Column("succeeded", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cost_nanos", BigInteger, nullable=False),
)

usage_closed_days = Table(
    "usage_closed_days",
    metadata,
    # Days whose jobs are all final, summed up in usage_days; others are summed up when asked.
    Column("day", Date, primary_key=True),
    created_at(),
)
