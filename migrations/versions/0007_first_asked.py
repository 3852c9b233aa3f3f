"""When a purchase was first asked for: its age, its month, and how long it is looked up."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "replenishments", sa.Column("first_asked_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.execute("UPDATE replenishments SET first_asked_at = asked_at WHERE asked_at IS NOT NULL")
    op.create_index(
        "ix_replenishments_timed_out",
        "replenishments",
        ["first_asked_at"],
        unique=False,
        postgresql_where=sa.text("reason = 'timed_out'"),
    )


def downgrade() -> None:
    op.drop_index("ix_replenishments_timed_out", table_name="replenishments")
    op.drop_column("replenishments", "first_asked_at")
