"""Replenishment: policies, and each purchase."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("short_since", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "replenish_policies",
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("threshold_nanos", sa.BigInteger(), nullable=False),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.Column("monthly_cap_nanos", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("locked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount_nanos > 0", name="a_replenishment_buys_something"),
        sa.CheckConstraint("monthly_cap_nanos > 0", name="replenishment_is_capped_by_the_month"),
        sa.CheckConstraint("threshold_nanos >= 0", name="a_threshold_is_never_negative"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="replenish_policies_account_id_exists"
        ),
        sa.PrimaryKeyConstraint("account_id", name="replenish_policies_have_one_row_per_key"),
    )
    op.create_table(
        "replenishments",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text(), server_default="requested", nullable=False),
        sa.Column("amount_nanos", sa.BigInteger(), nullable=False),
        sa.Column("callers_nanos", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("lot_id", sa.Text(collation="C"), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state = 'done') = (lot_id IS NOT NULL)", name="a_purchase_done_is_a_lot"
        ),
        sa.CheckConstraint(
            "(state = 'failed') = (reason IS NOT NULL)", name="failed_purchases_say_why"
        ),
        sa.CheckConstraint(
            "(state IN ('done', 'failed')) = (finished_at IS NOT NULL)",
            name="finished_purchases_say_when",
        ),
        sa.CheckConstraint(
            "state IN ('requested', 'buying', 'done', 'failed')",
            name="replenishments_have_a_known_state",
        ),
        sa.CheckConstraint("amount_nanos > 0", name="a_purchase_buys_something"),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["replenish_policies.account_id"],
            name="replenishments_account_id_exists",
        ),
        sa.ForeignKeyConstraint(["lot_id"], ["lots.id"], name="replenishments_lot_id_exists"),
        sa.PrimaryKeyConstraint("id", name="replenishments_have_one_row_per_key"),
    )
    op.create_index(
        "ix_replenishments_by_account", "replenishments", ["account_id", "id"], unique=False
    )
    op.create_index(
        "ix_replenishments_one_at_a_time",
        "replenishments",
        ["account_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('requested', 'buying')"),
    )


def downgrade() -> None:
    op.drop_table("replenishments")
    op.drop_table("replenish_policies")
    op.drop_column("jobs", "short_since")
