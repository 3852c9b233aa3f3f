"""Accounts and their keys."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.store.tables.base import Id, Moment, created_at, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hold_mode", Text, nullable=False, server_default="bound"),
    created_at(),
    UniqueConstraint("name", name="account_names_are_unique"),
    CheckConstraint("hold_mode IN ('bound', 'calibrated')", name="holds_are_made_in_a_known_mode"),
    CheckConstraint(
        "length(name) BETWEEN 1 AND 200", name="account_names_have_1_to_200_characters"
    ),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("hint", Text, nullable=False),
    created_at(),
    Column("revoked_at", Moment),
    Column("requests_per_minute", Integer),
    Column("tokens_per_minute", Integer),
    Column("concurrent_calls", Integer),
    UniqueConstraint("digest", name="a_key_belongs_to_one_account"),
    CheckConstraint("length(digest) = 32", name="keys_are_stored_as_sha256"),
    CheckConstraint(
        "least(requests_per_minute, tokens_per_minute, concurrent_calls) > 0",
        name="limits_of_keys_let_something_through",
    ),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("key_id", Id, ForeignKey("keys.id"), primary_key=True),
    Column("idempotency_key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("job_ids", ARRAY(Text), nullable=False),
    created_at(),
    CheckConstraint(
        "length(idempotency_key) BETWEEN 1 AND 255",
        name="idempotency_keys_have_1_to_255_characters",
    ),
    Index("ix_idempotency_keys_by_age", "created_at"),
)
