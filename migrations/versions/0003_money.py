"""Money in full: lots of tokens, caps, overruns and shortfalls, what providers charge."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


KINDS = "kind IN ('deposit', 'capture')"
ALL_KINDS = (
    "kind IN ('deposit', 'grant', 'replenishment', 'refund', 'adjustment', 'capture',"
    " 'overrun', 'shortfall')"
)
SOURCES = "source IN ('deposit', 'grant', 'replenishment', 'refund')"
ALL_SOURCES = "source IN ('deposit', 'grant', 'replenishment', 'refund', 'adjustment')"
TOKENS_SHARE = (
    "CASE WHEN tokens IS NULL THEN tokens_used = 0 ELSE instrument IS NOT NULL AND tokens > 0"
    " AND tokens_used BETWEEN 0 AND tokens"
    " AND used_nanos = div(amount_nanos::numeric * tokens_used, tokens::numeric) END"
)
NEW_CHECKS = (
    ("accounts", "holds_are_made_in_a_known_mode", "hold_mode IN ('bound', 'calibrated')"),
    ("attempts", "providers_never_pay_us", "cost_nanos >= 0"),
    ("holds", "an_overrun_is_never_negative", "overrun_nanos >= 0"),
    ("lots", "tokens_of_a_lot_cost_their_share_of_it", TOKENS_SHARE),
    ("transfers", "all_but_shortfalls_move_a_lot", "(kind = 'shortfall') = (lot_id IS NULL)"),
)


def _check(table: str, name: str, condition: str) -> None:
    op.drop_constraint(name, table)
    op.create_check_constraint(name, table, condition)


def upgrade() -> None:
    _tables()
    _columns()
    for table, name, condition in NEW_CHECKS:
        op.create_check_constraint(name, table, condition)
    _check("lots", "lots_have_a_known_source", ALL_SOURCES)
    _check("transfers", "transfers_have_a_known_kind", ALL_KINDS)
    _check(
        "transfers",
        "captures_name_their_job",
        "(kind IN ('capture', 'overrun', 'shortfall')) = (job_id IS NOT NULL)",
    )
    op.create_index(
        "ix_transfers_one_shortfall",
        "transfers",
        ["job_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'shortfall'"),
    )


def _tables() -> None:
    op.create_table(
        "calibrations",
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("ratio_ppm", sa.Integer(), nullable=False),
        sa.Column("jobs", sa.Integer(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "ratio_ppm BETWEEN 250000 AND 1000000", name="calibration_stays_a_bound"
        ),
        sa.PrimaryKeyConstraint("instrument", name="calibrations_have_one_row_per_key"),
    )
    op.create_table(
        "caps",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(collation="C"), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("limit_nanos", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("period IN ('day', 'month')", name="caps_have_a_known_period"),
        sa.CheckConstraint("scope IN ('account', 'key', 'batch')", name="caps_have_a_known_scope"),
        sa.CheckConstraint("limit_nanos >= 0", name="a_cap_is_never_negative"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="caps_account_id_exists"),
        sa.PrimaryKeyConstraint("id", name="caps_have_one_row_per_key"),
    )
    op.create_index(
        "ix_caps_in_force",
        "caps",
        ["account_id", "scope", "subject_id", "period"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "cap_windows",
        sa.Column("cap_id", sa.Text(collation="C"), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("held_nanos", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("spent_nanos", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "held_nanos >= 0 AND spent_nanos >= 0", name="windows_never_go_below_zero"
        ),
        sa.ForeignKeyConstraint(["cap_id"], ["caps.id"], name="cap_windows_cap_id_exists"),
        sa.PrimaryKeyConstraint("cap_id", "starts_on", name="cap_windows_have_one_row_per_key"),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "hold_caps",
        sa.Column("job_id", sa.Text(collation="C"), nullable=False),
        sa.Column("cap_id", sa.Text(collation="C"), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cap_id", "starts_on"],
            ["cap_windows.cap_id", "cap_windows.starts_on"],
            name="hold_caps_window_exists",
        ),
        sa.ForeignKeyConstraint(["job_id"], ["holds.job_id"], name="hold_caps_job_id_exists"),
        sa.PrimaryKeyConstraint("job_id", "cap_id", name="hold_caps_have_one_row_per_key"),
    )


def _columns() -> None:
    op.add_column(
        "accounts", sa.Column("hold_mode", sa.Text(), server_default="bound", nullable=False)
    )
    op.add_column("attempts", sa.Column("input_tokens", sa.BigInteger(), nullable=True))
    op.add_column("attempts", sa.Column("output_tokens", sa.BigInteger(), nullable=True))
    op.add_column("attempts", sa.Column("cost_nanos", sa.BigInteger(), nullable=True))
    op.add_column("attempts", sa.Column("first_token_ms", sa.Integer(), nullable=True))
    op.add_column("attempts", sa.Column("flag", sa.Text(), nullable=True))
    op.add_column("hold_lots", sa.Column("tokens", sa.BigInteger(), nullable=True))
    op.add_column(
        "holds", sa.Column("overrun_nanos", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column("jobs", sa.Column("max_cost_nanos", sa.BigInteger(), nullable=True))
    op.add_column("lots", sa.Column("tokens", sa.BigInteger(), nullable=True))
    op.add_column(
        "lots", sa.Column("tokens_used", sa.BigInteger(), server_default="0", nullable=False)
    )


def downgrade() -> None:
    op.drop_index("ix_transfers_one_shortfall", "transfers")
    _check("transfers", "captures_name_their_job", "(kind = 'capture') = (job_id IS NOT NULL)")
    _check("transfers", "transfers_have_a_known_kind", KINDS)
    _check("lots", "lots_have_a_known_source", SOURCES)
    for table, name, _ in NEW_CHECKS:
        op.drop_constraint(name, table)
    op.drop_column("lots", "tokens_used")
    op.drop_column("lots", "tokens")
    op.drop_column("jobs", "max_cost_nanos")
    op.drop_column("holds", "overrun_nanos")
    op.drop_column("hold_lots", "tokens")
    op.drop_column("attempts", "flag")
    op.drop_column("attempts", "first_token_ms")
    op.drop_column("attempts", "cost_nanos")
    op.drop_column("attempts", "output_tokens")
    op.drop_column("attempts", "input_tokens")
    op.drop_column("accounts", "hold_mode")
    op.drop_table("hold_caps")
    op.drop_table("cap_windows")
    op.drop_table("caps")
    op.drop_table("calibrations")
