"""Lots, holds and transfers: the book."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Table,
    Text,
    UniqueConstraint,
    and_,
    func,
    or_,
    text,
)

from app.store.tables.base import Id, Moment, created_at, metadata, word

lots = Table(
    "lots",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("source", Text, nullable=False),
    Column("reference", Text),
    Column("instrument", Text),
    Column("amount_nanos", BigInteger, nullable=False),
    Column("used_nanos", BigInteger, nullable=False, server_default="0"),
    Column("held_nanos", BigInteger, nullable=False, server_default="0"),
    # A lot of tokens, bought at a flat price: `amount_nanos` is what all of them cost together.
    Column("tokens", BigInteger),
    Column("tokens_used", BigInteger, nullable=False, server_default="0"),
    Column("expires_at", Moment),
    # Spent or expired, and held by nobody: no hold looks at it any more.
    Column("closed_at", Moment),
    created_at(),
    UniqueConstraint("account_id", "reference", name="a_reference_credits_an_account_once"),
    CheckConstraint("amount_nanos > 0", name="a_lot_credits_something"),
    CheckConstraint("used_nanos >= 0", name="used_is_never_negative"),
    CheckConstraint("held_nanos >= 0", name="held_is_never_negative"),
    CheckConstraint("used_nanos + held_nanos <= amount_nanos", name="a_lot_never_goes_below_zero"),
    CheckConstraint(
        "source IN ('deposit', 'grant', 'replenishment', 'refund', 'adjustment')",
        name="lots_have_a_known_source",
    ),
    CheckConstraint(
        "CASE WHEN tokens IS NULL THEN tokens_used = 0 ELSE instrument IS NOT NULL AND tokens > 0"
        " AND tokens_used BETWEEN 0 AND tokens"
        " AND used_nanos = div(amount_nanos::numeric * tokens_used, tokens::numeric) END",
        name="tokens_of_a_lot_cost_their_share_of_it",
    ),
    CheckConstraint("closed_at IS NULL OR held_nanos = 0", name="a_closed_lot_is_held_by_nobody"),
    # Each hold and each settlement updates a lot. That stays a HOT update only while no index
    # mentions what changes, not even in its predicate, and the page has room.
    Index("ix_lots_by_account", "account_id", "id"),
    Index("ix_lots_open", "account_id", "id", postgresql_where=text("closed_at IS NULL")),
    postgresql_with={"fillfactor": "50"},
)

holds = Table(
    "holds",
    metadata,
    Column("job_id", Id, ForeignKey("jobs.id"), primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("amount_nanos", BigInteger, nullable=False),
    Column("captured_nanos", BigInteger, nullable=False, server_default="0"),
    # What a call cost above its hold, and further lots of its account paid.
    Column("overrun_nanos", BigInteger, nullable=False, server_default="0"),
    Column("input_price_nanos", BigInteger, nullable=False),
    Column("output_price_nanos", BigInteger, nullable=False),
    created_at(),
    Column("closed_at", Moment),
    CheckConstraint("state IN ('open', 'captured', 'released')", name="holds_have_a_known_state"),
    CheckConstraint("amount_nanos >= 0", name="a_hold_is_never_negative"),
    CheckConstraint(
        "captured_nanos BETWEEN 0 AND amount_nanos", name="a_capture_never_exceeds_its_hold"
    ),
    CheckConstraint("overrun_nanos >= 0", name="an_overrun_is_never_negative"),
    CheckConstraint("state = 'captured' OR captured_nanos = 0", name="only_captured_holds_cost"),
    CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_holds_say_when"),
    # A trigger (migration 0002) refuses every change of a closed hold.
    Index("ix_holds_open", "account_id", postgresql_where=text("state = 'open'")),
    Index("ix_holds_by_closing", "job_id", "closed_at", unique=True),
)

hold_lots = Table(
    "hold_lots",
    metadata,
    Column("job_id", Id, ForeignKey("holds.job_id"), primary_key=True),
    Column("lot_id", Id, ForeignKey("lots.id"), primary_key=True),
    Column("amount_nanos", BigInteger, nullable=False),
    Column("tokens", BigInteger),
    CheckConstraint("amount_nanos > 0", name="a_lot_gives_something_to_a_hold"),
)

transfers = Table(
    "transfers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("account_id", Id, ForeignKey("accounts.id"), nullable=False),
    Column("debit", Text, nullable=False),
    Column("credit", Text, nullable=False),
    Column("amount_nanos", BigInteger, nullable=False),
    Column("job_id", Id),
    Column("lot_id", Id, ForeignKey("lots.id")),
    created_at(),
    UniqueConstraint("job_id", "kind", "lot_id", name="a_lot_pays_a_job_once"),
    # Both moments are their transaction's, so nothing can be captured from a hold that was closed
    # before, nor from one that is left open. It stands for the key to the job, at the same cost.
    ForeignKeyConstraint(
        ["job_id", "created_at"],
        ["holds.job_id", "holds.closed_at"],
        name="captures_are_written_as_their_hold_closes",
    ),
    CheckConstraint("amount_nanos > 0", name="a_transfer_moves_something"),
    CheckConstraint("debit <> credit", name="a_transfer_has_two_sides"),
    CheckConstraint(
        "kind IN ('deposit', 'grant', 'replenishment', 'refund', 'adjustment', 'capture',"
        " 'overrun', 'shortfall')",
        name="transfers_have_a_known_kind",
    ),
    CheckConstraint(
        "(kind IN ('capture', 'overrun', 'shortfall')) = (job_id IS NOT NULL)",
        name="captures_name_their_job",
    ),
    CheckConstraint(
        "(kind = 'shortfall') = (lot_id IS NULL)", name="all_but_shortfalls_move_a_lot"
    ),
    Index(
        "ix_transfers_one_shortfall",
        "job_id",
        unique=True,
        postgresql_where=text("kind = 'shortfall'"),
    ),
    Index("ix_transfers_by_account", "account_id", "id"),
    Index("ix_transfers_by_lot", "lot_id"),
)

IS_OPEN: Final = holds.c.state == word("open")
IS_DRAWABLE: Final = and_(
    lots.c.closed_at.is_(None),
    lots.c.used_nanos + lots.c.held_nanos < lots.c.amount_nanos,
    or_(lots.c.expires_at.is_(None), lots.c.expires_at > func.now()),
)
"""A new hold may draw from the lot now."""
