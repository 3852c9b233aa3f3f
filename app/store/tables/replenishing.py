"""Replenishment: when an account buys credit by itself, and each time it did."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    SmallInteger,
    Table,
    Text,
    text,
)

from app.store.tables.base import Id, Moment, created_at, metadata

replenish_policies = Table(
    "replenish_policies",
    metadata,
    Column("account_id", Id, ForeignKey("accounts.id"), primary_key=True),
    Column("threshold_nanos", BigInteger, nullable=False),
    Column("amount_nanos", BigInteger, nullable=False),
    Column("monthly_cap_nanos", BigInteger, nullable=False),
    Column("failures", SmallInteger, nullable=False, server_default="0"),
    # Since when purchases have failed one after the other; callers are told 402 five minutes later.
    Column("failing_since", Moment),
    Column("not_before", Moment),
    Column("locked_at", Moment),
    created_at(),
    # A policy that was taken away keeps its row: its purchases point to it.
    Column("removed_at", Moment),
    CheckConstraint("threshold_nanos >= 0", name="a_threshold_is_never_negative"),
    CheckConstraint("amount_nanos > 0", name="a_replenishment_buys_something"),
    CheckConstraint("monthly_cap_nanos > 0", name="replenishment_is_capped_by_the_month"),
)

replenishments = Table(
    "replenishments",
    metadata,
    # Also the idempotency key toward the funding source.
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("replenish_policies.account_id"), nullable=False),
    Column("state", Text, nullable=False, server_default="requested"),
    Column("amount_nanos", BigInteger, nullable=False),
    # What those callers need who were told to come back while this purchase was only asked for.
    Column("callers_nanos", BigInteger, nullable=False, server_default="0"),
    Column("reason", Text),
    Column("lot_id", Id, ForeignKey("lots.id")),
    created_at(),
    # When the source was asked for the first time, and for the last: the latter is the fence.
    Column("first_asked_at", Moment),
    Column("asked_at", Moment),
    Column("finished_at", Moment),
    CheckConstraint(
        "state IN ('requested', 'buying', 'done', 'failed')",
        name="replenishments_have_a_known_state",
    ),
    CheckConstraint("amount_nanos > 0", name="a_purchase_buys_something"),
    CheckConstraint("(state = 'done') = (lot_id IS NOT NULL)", name="a_purchase_done_is_a_lot"),
    CheckConstraint("(state = 'failed') = (reason IS NOT NULL)", name="failed_purchases_say_why"),
    CheckConstraint(
        "(state IN ('done', 'failed')) = (finished_at IS NOT NULL)",
        name="finished_purchases_say_when",
    ),
    Index(
        "ix_replenishments_one_at_a_time",
        "account_id",
        unique=True,
        postgresql_where=text("state IN ('requested', 'buying')"),
    ),
    Index("ix_replenishments_by_account", "account_id", "id"),
    # Those that a charge may still turn up for.
    Index(
        "ix_replenishments_timed_out",
        "first_asked_at",
        postgresql_where=text("reason = 'timed_out'"),
    ),
)
