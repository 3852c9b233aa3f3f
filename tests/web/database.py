"""What befalls a database from outside: it goes away, and comes back."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from app.settings import Settings


def administer(settings: Settings, statement: str) -> None:
    """Run a statement from outside; `{}` in it is the name of the database."""
    url = make_url(settings.database_url)
    assert url.database is not None
    outside = url.set(drivername="postgresql", database="postgres")
    with psycopg.connect(outside.render_as_string(hide_password=False), autocommit=True) as conn:
        conn.execute(sql.SQL(statement).format(sql.Identifier(url.database)))


def drop_connections(settings: Settings) -> None:
    """End every connection to the database, as a restart would."""
    name = make_url(settings.database_url).database
    ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname"
    administer(settings, f"{ends} = '{name}'")


@contextmanager
def away(settings: Settings) -> Iterator[None]:
    """Take the database away until the block ends: no connection lives, none can be made."""
    administer(settings, "ALTER DATABASE {} ALLOW_CONNECTIONS false")
    try:
        drop_connections(settings)
        yield
    finally:
        administer(settings, "ALTER DATABASE {} ALLOW_CONNECTIONS true")
