"""Statements that are built and compiled once.

SQLAlchemy walks an expression each time it is executed to find its cached form; for the five
statements every job passes through, that walk costs more than Postgres does. A `Prepared` keeps the
compiled text, and psycopg prepares it on the server.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    Connection,
    CursorResult,
    Function,
    Interval,
    LargeBinary,
    bindparam,
    column,
    func,
    literal,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.sql.expression import Executable
from sqlalchemy.types import TypeEngine

_DIALECT: Final = psycopg.dialect()  # type: ignore[no-untyped-call]


class Prepared:
    """One statement, compiled on first use. Parameters are plain values; lists for arrays."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._text = ""
        self._constants: Mapping[str, Any] = {}

    def __call__(self, conn: Connection, /, **values: Any) -> CursorResult[Any]:
        """Execute with `values` for the statement's named parameters."""
        if not self._text:
            compiled = self._statement.compile(  # type: ignore[attr-defined]
                dialect=_DIALECT
            )
            self._constants = {
                name: value
                for name, value in compiled.construct_params(_check=False).items()
                if name not in compiled.binds or not compiled.binds[name].required
            }
            self._text = str(compiled)
        return conn.exec_driver_sql(self._text, {**self._constants, **values})


def rows(name: str, **columns: TypeEngine[Any]) -> CTE:
    """Return a table made of the statement's array parameters, one per column: `name.c.column`.

    The parameters are called `name_column` and must have the same length.
    """
    arrays = [bindparam(f"{name}_{key}", type_=ARRAY(kind)) for key, kind in columns.items()]
    table = func.unnest(*arrays).table_valued(*[column(k, kind) for k, kind in columns.items()])
    return select(table.render_derived(name="_")).cte(name)


def arrays(name: str, entries: Sequence[Sequence[Any]], *columns: str) -> dict[str, list[Any]]:
    """Return the parameters of `rows(name, …)` for `entries`, each a row in the columns' order."""
    turned = zip(*entries, strict=True) if entries else ((),) * len(columns)
    return {f"{name}_{key}": list(values) for key, values in zip(columns, turned, strict=True)}


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
