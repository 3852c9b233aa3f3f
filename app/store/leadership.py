"""The advisory lock of the leading keeper; it dies with the connection that holds it."""

from typing import Final

from sqlalchemy import Connection, Engine, text

Session = Connection
"""The connection whose life is the lead's life."""

LEADER_LOCK: Final = 0x6275_7362_0001
"""Key of the session-level advisory lock the leading keeper holds."""


def take(engine: Engine) -> Session | None:
    """Return a connection that holds the lead, or None when another process has it."""
    conn = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    if conn.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LEADER_LOCK}).scalar():
        return conn
    conn.close()
    return None


def confirm(conn: Session) -> None:
    """Raise DBAPIError when the connection, and with it the lead, is gone."""
    conn.execute(text("SELECT 1"))


def drop(conn: Session) -> None:
    """End the lead: the lock belongs to the session, so the session must end with it."""
    conn.invalidate()
    conn.close()
