"""Two surfaces: streamed and stored answers, clients that leave, limits of keys.

And the book's rules about closed holds, and what tells when a job that lacks balance can go on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ONLY_ANSWERS = "state = 'succeeded' OR coalesce(cost_nanos, 0) = 0"
ONLY_ANSWERS_AND_PARTS = f"CASE WHEN partial THEN state = 'cancelled' ELSE {ONLY_ANSWERS} END"

KNOWN_REASON = "reason IS NULL OR reason IN ('balance', 'backoff', 'capacity')"
KNOWN_REASON_AND_NEED = (
    "reason IS NULL OR reason IN ('backoff', 'capacity')"
    " OR (reason = 'balance' AND needed_nanos > 0)"
)

REFUSE_REOPENING = """
CREATE FUNCTION refuse_reopening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the hold of % is %: a closed hold never changes', OLD.job_id, OLD.state
    USING ERRCODE = 'integrity_constraint_violation';
END $$
"""

# An AFTER trigger: its WHEN costs nothing while it is false, where a BEFORE trigger locks each row.
CLOSED_IS_CLOSED = """
CREATE TRIGGER closed_holds_never_change
  AFTER UPDATE OR DELETE ON holds
  FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION refuse_reopening()
"""


def upgrade() -> None:
    for name in ("stream", "stored", "partial"):
        op.add_column(
            "jobs", sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False)
        )
    op.add_column("jobs", sa.Column("betas", sa.Text(), nullable=True))
    _let_clients_leave()
    op.create_index(
        "ix_jobs_stored", "jobs", ["account_id", "id"], postgresql_where=sa.text("stored")
    )
    for name in ("requests_per_minute", "tokens_per_minute", "concurrent_calls"):
        op.add_column("keys", sa.Column(name, sa.Integer(), nullable=True))
    op.create_check_constraint(
        "limits_of_keys_let_something_through",
        "keys",
        "least(requests_per_minute, tokens_per_minute, concurrent_calls) > 0",
    )
    _mend_queue()
    _mend_book()


def _let_clients_leave() -> None:
    op.add_column("jobs", sa.Column("listeners", sa.Integer(), server_default="1", nullable=False))
    op.add_column("jobs", sa.Column("client_left_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint("only_answers_cost_money", "jobs")
    op.create_check_constraint("only_answers_cost_money", "jobs", ONLY_ANSWERS_AND_PARTS)
    op.create_index(
        "ix_jobs_left",
        "jobs",
        ["worker_id"],
        postgresql_where=sa.text("state = 'running' AND client_left_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_left_waiting",
        "jobs",
        ["client_left_at"],
        postgresql_where=sa.text("state IN ('queued', 'waiting') AND client_left_at IS NOT NULL"),
    )


def _mend_queue() -> None:
    for name, kind in (("request_bytes", sa.Integer()), ("needed_nanos", sa.BigInteger())):
        op.add_column("jobs", sa.Column(name, kind, server_default="0", nullable=False))
    # What those need that wait already is not known; the first look says it.
    op.execute("UPDATE jobs SET needed_nanos = 1 WHERE reason = 'balance'")
    op.drop_constraint("jobs_wait_for_a_known_reason", "jobs")
    op.create_check_constraint("jobs_wait_for_a_known_reason", "jobs", KNOWN_REASON_AND_NEED)
    op.drop_index("ix_jobs_waiting_for_balance", "jobs")
    op.create_index(
        "ix_jobs_short_of_balance",
        "jobs",
        ["state", "account_id", "instrument", "needed_nanos"],
        postgresql_where=sa.text("state IN ('queued', 'waiting') AND needed_nanos > 0"),
    )
    op.create_index(
        "ix_jobs_rung",
        "jobs",
        ["lane", "run_at", "id"],
        postgresql_where=sa.text("state IN ('queued', 'waiting') AND nudged_at IS NOT NULL"),
    )
    op.drop_index("ix_job_payloads_by_age", "job_payloads")


def _mend_book() -> None:
    op.drop_constraint("holds_have_a_known_state", "holds")
    op.create_check_constraint(
        "holds_have_a_known_state", "holds", "state IN ('open', 'captured', 'released')"
    )
    op.execute(REFUSE_REOPENING)
    op.execute(CLOSED_IS_CLOSED)
    op.create_index("ix_holds_by_closing", "holds", ["job_id", "closed_at"], unique=True)
    op.drop_constraint("transfers_job_id_exists", "transfers")
    op.create_foreign_key(
        "captures_are_written_as_their_hold_closes",
        "transfers",
        "holds",
        ["job_id", "created_at"],
        ["job_id", "closed_at"],
    )


def _unmend() -> None:
    op.drop_constraint("captures_are_written_as_their_hold_closes", "transfers")
    op.create_foreign_key("transfers_job_id_exists", "transfers", "jobs", ["job_id"], ["id"])
    op.drop_index("ix_holds_by_closing", "holds")
    op.execute("DROP TRIGGER closed_holds_never_change ON holds")
    op.execute("DROP FUNCTION refuse_reopening")
    op.drop_constraint("holds_have_a_known_state", "holds")
    op.create_check_constraint(
        "holds_have_a_known_state", "holds", "state IN ('open', 'captured', 'released', 'expired')"
    )
    op.create_index(
        "ix_job_payloads_by_age", "job_payloads", ["created_at"], postgresql_using="brin"
    )
    op.drop_index("ix_jobs_rung", "jobs")
    op.drop_index("ix_jobs_short_of_balance", "jobs")
    op.create_index(
        "ix_jobs_waiting_for_balance",
        "jobs",
        ["account_id"],
        postgresql_where=sa.text("reason = 'balance'"),
    )
    op.drop_constraint("jobs_wait_for_a_known_reason", "jobs")
    op.create_check_constraint("jobs_wait_for_a_known_reason", "jobs", KNOWN_REASON)
    for name in ("needed_nanos", "request_bytes"):
        op.drop_column("jobs", name)


def downgrade() -> None:
    _unmend()
    op.drop_constraint("limits_of_keys_let_something_through", "keys")
    for name in ("concurrent_calls", "tokens_per_minute", "requests_per_minute"):
        op.drop_column("keys", name)
    op.drop_index("ix_jobs_stored", "jobs")
    op.drop_index("ix_jobs_left_waiting", "jobs")
    op.drop_index("ix_jobs_left", "jobs")
    op.drop_constraint("only_answers_cost_money", "jobs")
    op.create_check_constraint("only_answers_cost_money", "jobs", ONLY_ANSWERS)
    for name in ("client_left_at", "listeners", "partial", "betas", "stored", "stream"):
        op.drop_column("jobs", name)
