"""Closed lots: spent or expired ones that no hold draws on are out of every hold's sight."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lots", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(
        "a_closed_lot_is_held_by_nobody", "lots", "closed_at IS NULL OR held_nanos = 0"
    )
    op.create_index(
        "ix_lots_open",
        "lots",
        ["account_id", "id"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_lots_open", "lots")
    op.drop_constraint("a_closed_lot_is_held_by_nobody", "lots")
    op.drop_column("lots", "closed_at")
