"""Whether anybody works: told by the lock that the leading worker holds while it lives."""

from typing import Final

from sqlalchemy import Connection, text

from app.store.leases import LEADER_LOCK


def is_led(conn: Connection) -> bool:
    """True while a worker leads; every worker process wants to, so one that lives does."""
    halves = {"upper": LEADER_LOCK >> 32, "lower": LEADER_LOCK & 0xFFFF_FFFF}
    return bool(conn.execute(_LED, halves).scalar_one())


_LED: Final = text(
    "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database"
    " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
    " AND classid::bigint = :upper AND objid::bigint = :lower AND objsubid = 1)"
)
