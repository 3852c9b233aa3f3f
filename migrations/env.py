"""Alembic's environment: one migrator at a time, short locks, one transaction per migration."""

from typing import Final

from alembic import context
from sqlalchemy import Connection, text

from app.store.tables import metadata

MIGRATION_LOCK: Final = 0x6275_7362_6172
"""Key of the advisory lock that keeps two migrators apart ("busbar" in ASCII)."""

LOCK_TIMEOUT: Final = "3s"
"""A migration that cannot have its lock soon gives up instead of queueing everybody behind it."""


def run(connection: Connection) -> None:
    """Bring the database of `connection` to the wanted revision."""
    # In this order: whoever comes second waits as long as the first one works.
    connection.execute(text("SET statement_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
    )
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
        # The connection goes back to a pool.
        connection.execute(text("RESET statement_timeout"))
        connection.execute(text("RESET lock_timeout"))
        connection.commit()


run(context.config.attributes["connection"])
