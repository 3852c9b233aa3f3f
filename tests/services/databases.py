"""Databases that many tests share, one after the other: emptying one is faster than making one."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from app.embedded import Stack
from app.store.tables import metadata


@contextmanager
def database_of(stack: Stack, template: str) -> Iterator[str]:
    """Make a migrated database, give its URL, and drop it in the end."""
    assert stack.database_url is not None
    name = f"shared_{uuid.uuid4().hex}"
    outside = _plain(stack.database_url.replace("@/busbar?", "@/postgres?"))
    _run(outside, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield stack.database_url.replace("@/busbar?", f"@/{name}?")
    _run(outside, f'DROP DATABASE "{name}" WITH (FORCE)')


def empty(database_url: str) -> None:
    """Delete every row of a database, whatever its triggers say."""
    tables = reversed(metadata.sorted_tables)
    deletions = "; ".join(f'DELETE FROM "{table.name}"' for table in tables)
    _run(_plain(database_url), f"SET session_replication_role = replica; {deletions}")


def _plain(url: str) -> str:
    return url.replace("+psycopg", "")


def _run(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(sql.SQL(statements))
