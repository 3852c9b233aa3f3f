"""Listening to the statements that are sent, whichever way they go."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from app.store.prepared import Prepared

Hear = Callable[[Connection, str, Any], None]
"""It is given the connection, the statement, and its values."""


def _deaf(_conn: Connection, _sql: str, _values: Any) -> None:
    """Hear nothing."""


def _calm(_error: DBAPIError) -> None:
    """Note nothing."""


@contextmanager
def overheard(
    source: Engine | Connection,
    *,
    before: Hear = _deaf,
    after: Hear = _deaf,
    failed: Callable[[DBAPIError], None] = _calm,
) -> Iterator[None]:
    """Call `before` and `after` around each statement of an engine or a connection.

    `failed` is given what the database did not do.
    """
    real = Prepared.__call__

    def hear_prepared(self: Prepared, conn: Connection, /, **values: Any) -> Any:
        if source is not conn and source is not conn.engine:
            return real(self, conn, **values)
        text, sent = self.sent(values)
        before(conn, text.decode(), sent)
        try:
            found = real(self, conn, **values)
        except DBAPIError as error:
            failed(error)
            raise
        after(conn, text.decode(), sent)
        return found

    def hear_before(conn: Connection, _cursor: object, sql: str, values: Any, *_: object) -> None:
        before(conn, sql, values)

    def hear_after(conn: Connection, _cursor: object, sql: str, values: Any, *_: object) -> None:
        after(conn, sql, values)

    event.listen(source, "before_cursor_execute", hear_before)
    event.listen(source, "after_cursor_execute", hear_after)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Prepared, "__call__", hear_prepared)
        try:
            yield
        finally:
            event.remove(source, "before_cursor_execute", hear_before)
            event.remove(source, "after_cursor_execute", hear_after)


def plans(conn: Connection, ask: Callable[[], object]) -> list[str]:
    """Return the plan of each statement that `ask` sends on this connection."""
    found = []

    def explain(conn: Connection, sql: str, values: Any) -> None:
        driver: Any = conn.connection.driver_connection
        cursor = psycopg.RawCursor(driver) if isinstance(values, list) else driver.cursor()
        rows = cursor.execute(f"EXPLAIN {sql}", values).fetchall()
        found.append("\n".join(row[0] for row in rows))
        cursor.close()

    with overheard(conn, before=explain):
        ask()
    return found
