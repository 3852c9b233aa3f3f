"""Statements that are built and compiled once.

SQLAlchemy walks an expression each time it is executed to find its cached form, and describes each
result anew; for the statements every job passes through, that costs as much as Postgres does. A
`Prepared` keeps the compiled text, runs it on the driver's own cursor inside SQLAlchemy's
transaction, and psycopg prepares it on the server.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from json import JSONEncoder
from typing import Any, Final

import psycopg
from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Function,
    Interval,
    LargeBinary,
    bindparam,
    func,
    literal,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import Executable
from sqlalchemy.types import TypeEngine

from app.store.connection import Found, Impatient

RECORDS_MAX: Final = 100_000
"""Rows that one parameter may bring."""

_DIALECT: Final = dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


class Prepared:
    """One statement, compiled on first use. Parameters are plain values."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._text = b""
        self._names: Sequence[str] = ()
        self._constants: Mapping[str, Any] = {}

    def __call__(self, conn: Connection, /, **values: Any) -> Found:
        """Execute with `values` for the statement's named parameters.

        Raises sqlalchemy.exc.DBAPIError for what the server or the connection refuses.
        """
        statement, sent = self.sent(values)
        if not conn.in_transaction():
            conn.begin()  # The driver begins by itself; SQLAlchemy must know, so as to end it.
        driver: Any = conn.connection.driver_connection
        try:
            return _on(driver).found(statement, sent)
        except psycopg.Error as error:
            raise _told(conn, error, statement) from error

    def sent(self, values: Mapping[str, Any]) -> tuple[bytes, list[Any]]:
        """Return what is sent for these values: the text, and what its `$1` and so on stand for."""
        if not self._text:
            self._compile()
        given = {**self._constants, **values}
        return self._text, [given[name] for name in self._names]

    def _compile(self) -> None:
        compiled: Any = self._statement.compile(dialect=_DIALECT)  # type: ignore[attr-defined]
        self._constants = {
            name: value
            for name, value in compiled.construct_params(_check=False).items()
            if name not in compiled.binds or not compiled.binds[name].required
        }
        self._names = compiled.positiontup or ()
        self._text = str(compiled).encode()


def _on(driver: Any) -> Impatient:
    if not isinstance(driver, Impatient):
        raise TypeError("a prepared statement wants a connection of app.store.engine.open_engine")
    return driver


def _told(conn: Connection, error: psycopg.Error, statement: bytes) -> BaseException:
    """Return the driver's error as SQLAlchemy tells it; let it find out that a connection is lost.

    It drops those of the pool too that are as old: the server has likely gone away from them too.
    """
    is_lost = conn.connection.driver_connection.closed  # type: ignore[union-attr]
    if is_lost:
        with suppress(DBAPIError):
            conn.exec_driver_sql("SELECT 1")
    return DBAPIError.instance(
        statement.decode(),
        None,
        error,
        psycopg.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
    )


def rows(name: str, **columns: TypeEngine[Any]) -> CTE:
    """Return a table made of the statement's parameter `name`, as `records` makes it.

    One JSON text costs a lone row a quarter of what an array per column does, on both sides.
    """
    listed = ", ".join(f"{key} {kind.compile(dialect=_DIALECT)}" for key, kind in columns.items())
    found = f"SELECT * FROM json_to_recordset(CAST(:{name} AS json)) AS _({listed})"  # noqa: S608  names of columns
    # A limit that is not a plain constant makes Postgres expect a tenth of the 100 rows it takes
    # any function to return: few enough to look the others up by their keys, whatever the sizes of
    # the tables on the day it plans.
    return text(f"{found} LIMIT (SELECT {RECORDS_MAX})").columns(**columns).cte(name)


def records(name: str, entries: Iterable[Sequence[Any]], *columns: str) -> dict[str, str]:
    """Return the parameter of `rows(name, …)` for `entries`, each a row in the columns' order.

    Whole numbers stay whole, however large; Postgres reads them by the column's type. Raises
    ValueError for a row of another length, and for more than RECORDS_MAX.
    """
    listed = [dict(zip(columns, entry, strict=True)) for entry in entries]
    if len(listed) > RECORDS_MAX:
        raise ValueError(f"{len(listed)} rows are more than the {RECORDS_MAX} of one statement")
    return {name: _JSON.encode(listed)}


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no parameter of a prepared statement")


_JSON: Final = JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), default=_plain
)


def body(name: str, table: CTE) -> Function[bytes]:
    """Return the bytes that belong to a row of `table`, cut out of the parameter `name`.

    An array of bytes costs a regular expression over each; one long value with offsets does not.
    `table` has the columns `starts` and `size`; `bodies` makes the three parameters.
    """
    whole = bindparam(name, type_=LargeBinary())
    return func.substring(whole, table.c.starts, table.c.size, type_=LargeBinary())


def bodies(values: Sequence[bytes]) -> tuple[bytes, list[tuple[int, int]]]:
    """Join values, and say where each starts (counting from 1, as SQL does) and its size."""
    places, starts = [], 1
    for value in values:
        places.append((starts, len(value)))
        starts += len(value)
    return b"".join(values), places


def seconds(value: ColumnElement[Any] | float) -> ColumnElement[Any]:
    """Return an interval of that many seconds, to add to the database's own time."""
    one = literal_column("interval '1 second'", type_=Interval())
    return literal(value) * one if isinstance(value, int | float) else value * one


def milliseconds(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return an interval of that many milliseconds."""
    return value * literal_column("interval '1 millisecond'", type_=Interval())
