"""Records: events for owners, the audit of operators, usage by day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


APPEND_ONLY = """
CREATE TRIGGER {table}_are_append_only
  BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_changes()
"""


def upgrade() -> None:
    op.create_table(
        "usage_closed_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("day", name="usage_closed_days_have_one_row_per_key"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(collation="C"), nullable=True),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="audit_account_id_exists"),
        sa.PrimaryKeyConstraint("id", name="audit_have_one_row_per_key"),
    )
    op.create_index("ix_audit_by_account", "audit", ["account_id", "id"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint("type ~ '^[a-z]+[.][a-z_]+$'", name="types_of_events_are_two_words"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="events_account_id_exists"),
        sa.PrimaryKeyConstraint("id", name="events_have_one_row_per_key"),
    )
    op.create_index("ix_events_by_account", "events", ["account_id", "id"], unique=False)
    op.create_table(
        "usage_days",
        sa.Column("account_id", sa.Text(collation="C"), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(collation="C"), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.Column("succeeded", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_nanos", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="usage_days_account_id_exists"
        ),
        sa.PrimaryKeyConstraint(
            "account_id", "day", "instrument", "key_id", name="usage_days_have_one_row_per_key"
        ),
    )
    for table in ("audit", "events"):
        op.execute(APPEND_ONLY.format(table=table))


def downgrade() -> None:
    op.drop_table("usage_days")
    op.drop_table("events")
    op.drop_table("audit")
    op.drop_table("usage_closed_days")
