"""The spine: accounts, keys, lots, holds, transfers, jobs, payloads, attempts, idempotency."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


REFUSE_CHANGES = """
CREATE FUNCTION refuse_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: write a reversing row instead', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$
"""

APPEND_ONLY = """
CREATE TRIGGER transfers_are_append_only
  BEFORE UPDATE OR DELETE OR TRUNCATE ON transfers
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_changes()
"""


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "length(name) BETWEEN 1 AND 200", name="account_names_have_1_to_200_characters"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("accounts_have_one_row_per_key")),
        sa.UniqueConstraint("name", name="account_names_are_unique"),
    )
    op.create_table(
        "job_payloads",
        sa.Column("job_id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind IN ('request', 'result')", name="payloads_are_requests_or_results"
        ),
        sa.PrimaryKeyConstraint("job_id", "kind", name=op.f("job_payloads_have_one_row_per_key")),
    )
    op.create_index(
        "ix_job_payloads_by_age",
        "job_payloads",
        ["created_at"],
        unique=False,
        postgresql_using="brin",
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(digest) = 32", name="keys_are_stored_as_sha256"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("keys_account_id_exists")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("keys_have_one_row_per_key")),
        sa.UniqueConstraint("digest", name="a_key_belongs_to_one_account"),
    )
    op.create_index(op.f("ix_keys_account_id"), "keys", ["account_id"], unique=False)
    op.create_table(
        "lots",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("instrument", sa.Text(), nullable=True),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.Column("used_nanos", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held_nanos", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "source IN ('deposit', 'grant', 'replenishment', 'refund')",
            name="lots_have_a_known_source",
        ),
        sa.CheckConstraint("amount_nanos > 0", name="a_lot_credits_something"),
        sa.CheckConstraint("held_nanos >= 0", name="held_is_never_negative"),
        sa.CheckConstraint(
            "used_nanos + held_nanos <= amount_nanos", name="a_lot_never_goes_below_zero"
        ),
        sa.CheckConstraint("used_nanos >= 0", name="used_is_never_negative"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("lots_account_id_exists")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("lots_have_one_row_per_key")),
        sa.UniqueConstraint("account_id", "reference", name="a_reference_credits_an_account_once"),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index("ix_lots_by_account", "lots", ["account_id", "id"], unique=False)
    op.create_table(
        "idempotency_keys",
        sa.Column("key_id", sa.Text(collation="C"), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("job_ids", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "length(idempotency_key) BETWEEN 1 AND 255",
            name="idempotency_keys_have_1_to_255_characters",
        ),
        sa.ForeignKeyConstraint(
            ["key_id"], ["keys.id"], name=op.f("idempotency_keys_key_id_exists")
        ),
        sa.PrimaryKeyConstraint(
            "key_id", "idempotency_key", name=op.f("idempotency_keys_have_one_row_per_key")
        ),
    )
    op.create_index("ix_idempotency_keys_by_age", "idempotency_keys", ["created_at"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("key_id", sa.Text(collation="C"), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("custom_id", sa.Text(), nullable=True),
        sa.Column(
            "metadata", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("on_empty", sa.Text(), nullable=False),
        sa.Column("input_tokens_max", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens_max", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "run_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("nudged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker_id", sa.Text(collation="C"), nullable=True),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("worker_deaths", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("output_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=True),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cost_nanos", sa.BigInteger(), nullable=True),
        sa.Column("status_code", sa.SmallInteger(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(finished_at IS NOT NULL) = (state IN ('succeeded', 'failed', 'cancelled', 'expired'))",
            name="finished_jobs_say_when",
        ),
        sa.CheckConstraint(
            "(state = 'running') = (leased_until IS NOT NULL)", name="running_jobs_are_leased"
        ),
        sa.CheckConstraint(
            "(state = 'waiting') = (reason IS NOT NULL)", name="waiting_jobs_say_why"
        ),
        sa.CheckConstraint("lane IN ('interactive', 'batch')", name="jobs_travel_in_a_known_lane"),
        sa.CheckConstraint("on_empty IN ('wait', 'fail')", name="jobs_know_what_to_do_when_empty"),
        sa.CheckConstraint(
            "reason IS NULL OR reason IN ('balance', 'backoff', 'capacity')",
            name="jobs_wait_for_a_known_reason",
        ),
        sa.CheckConstraint(
            "state = 'succeeded' OR coalesce(cost_nanos, 0) = 0", name="only_answers_cost_money"
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'waiting') OR state IN ('succeeded', 'failed', 'cancelled', 'expired') OR state = 'running'",
            name="jobs_have_a_known_state",
        ),
        sa.CheckConstraint(
            "(leased_until IS NULL) = (worker_id IS NULL)", name="a_lease_names_its_worker"
        ),
        sa.CheckConstraint("cost_nanos >= 0", name="cost_is_never_negative"),
        sa.CheckConstraint(
            "input_tokens_max > 0 AND output_tokens_max > 0", name="jobs_are_bounded_in_tokens"
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("jobs_account_id_exists")
        ),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("jobs_key_id_exists")),
        sa.PrimaryKeyConstraint("id", name=op.f("jobs_have_one_row_per_key")),
        postgresql_with={"fillfactor": "80", "autovacuum_vacuum_scale_factor": "0.05"},
    )
    op.create_index("ix_jobs_by_account", "jobs", ["account_id", "id"], unique=False)
    op.create_index(
        "ix_jobs_by_custom_id",
        "jobs",
        ["account_id", "custom_id"],
        unique=False,
        postgresql_where=sa.text("custom_id IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_by_deadline",
        "jobs",
        ["deadline_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'waiting')"),
    )
    op.create_index(
        "ix_jobs_by_fingerprint",
        "jobs",
        ["key_id", "fingerprint"],
        unique=False,
        postgresql_where=sa.text("fingerprint IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_leased",
        "jobs",
        ["leased_until"],
        unique=False,
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "ix_jobs_nudged",
        "jobs",
        ["lane", "nudged_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'waiting') AND nudged_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_to_cancel",
        "jobs",
        ["worker_id"],
        unique=False,
        postgresql_where=sa.text("state = 'running' AND cancel_requested_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_to_nudge",
        "jobs",
        ["lane", "run_at", "id"],
        unique=False,
        postgresql_where=sa.text("state IN ('queued', 'waiting') AND nudged_at IS NULL"),
    )
    op.create_index(
        "ix_jobs_waiting_for_balance",
        "jobs",
        ["account_id"],
        unique=False,
        postgresql_where=sa.text("reason = 'balance'"),
    )
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.Text(collation="C"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("status_code", sa.SmallInteger(), nullable=True),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'open') = (finished_at IS NULL)", name="closed_attempts_say_when"
        ),
        sa.CheckConstraint(
            "state IN ('open', 'succeeded', 'failed', 'interrupted', 'lost')",
            name="attempts_have_a_known_state",
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("attempts_job_id_exists")),
        sa.PrimaryKeyConstraint("job_id", "number", name=op.f("attempts_have_one_row_per_key")),
    )
    op.create_table(
        "holds",
        sa.Column("job_id", sa.Text(collation="C"), nullable=False),
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.Column("captured_nanos", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("input_price_nanos", sa.BigInteger(), nullable=False),
        sa.Column("output_price_nanos", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_holds_say_when"),
        sa.CheckConstraint(
            "state = 'captured' OR captured_nanos = 0", name="only_captured_holds_cost"
        ),
        sa.CheckConstraint(
            "state IN ('open', 'captured', 'released', 'expired')", name="holds_have_a_known_state"
        ),
        sa.CheckConstraint("amount_nanos >= 0", name="a_hold_is_never_negative"),
        sa.CheckConstraint(
            "captured_nanos BETWEEN 0 AND amount_nanos", name="a_capture_never_exceeds_its_hold"
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("holds_account_id_exists")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("holds_job_id_exists")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("holds_have_one_row_per_key")),
    )
    op.create_index(
        "ix_holds_open",
        "holds",
        ["account_id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "transfers",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("debit", sa.Text(), nullable=False),
        sa.Column("credit", sa.Text(), nullable=False),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.Text(collation="C"), nullable=True),
        sa.Column("lot_id", sa.Text(collation="C"), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(kind = 'capture') = (job_id IS NOT NULL)", name="captures_name_their_job"
        ),
        sa.CheckConstraint("kind IN ('deposit', 'capture')", name="transfers_have_a_known_kind"),
        sa.CheckConstraint("amount_nanos > 0", name="a_transfer_moves_something"),
        sa.CheckConstraint("debit <> credit", name="a_transfer_has_two_sides"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("transfers_account_id_exists")
        ),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("transfers_job_id_exists")),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.id"], name=op.f("transfers_lot_id_exists")),
        sa.PrimaryKeyConstraint("id", name=op.f("transfers_have_one_row_per_key")),
        sa.UniqueConstraint("job_id", "kind", "lot_id", name="a_lot_pays_a_job_once"),
    )
    op.create_index("ix_transfers_by_account", "transfers", ["account_id", "id"], unique=False)
    op.create_index("ix_transfers_by_lot", "transfers", ["lot_id"], unique=False)
    op.create_table(
        "hold_lots",
        sa.Column("job_id", sa.Text(collation="C"), nullable=False),
        sa.Column("lot_id", sa.Text(collation="C"), nullable=False),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_nanos > 0", name="a_lot_gives_something_to_a_hold"),
        sa.ForeignKeyConstraint(["job_id"], ["holds.job_id"], name=op.f("hold_lots_job_id_exists")),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.id"], name=op.f("hold_lots_lot_id_exists")),
        sa.PrimaryKeyConstraint("job_id", "lot_id", name=op.f("hold_lots_have_one_row_per_key")),
    )
    op.execute(REFUSE_CHANGES)
    op.execute(APPEND_ONLY)


def downgrade() -> None:
    op.drop_table("hold_lots")
    op.drop_table("transfers")
    op.drop_table("holds")
    op.drop_table("attempts")
    op.drop_table("jobs")
    op.drop_table("idempotency_keys")
    op.drop_table("lots")
    op.drop_table("keys")
    op.drop_table("job_payloads")
    op.drop_table("accounts")
    op.execute("DROP FUNCTION refuse_changes")
