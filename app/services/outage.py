"""Tell a database that is away from a fault of ours."""

from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.domain.errors import DatabaseUnavailable
from app.store.engine import is_outage

UNDEFINED_TABLE: Final = "42P01"
"""SQLSTATE of a query that names a table the database does not have."""


def as_unavailable(error: BaseException) -> DatabaseUnavailable | None:
    """Return the error a caller may hear when the database is away; None for other errors."""
    if isinstance(error, PoolTimeout) or (isinstance(error, DBAPIError) and is_outage(error)):
        return DatabaseUnavailable()
    return None


def explain(error: BaseException) -> str | None:
    """Return one sentence for an operator about an error of the database; None for another one."""
    if not isinstance(error, SQLAlchemyError):
        return None
    cause = getattr(error, "orig", None) or error
    if getattr(cause, "sqlstate", None) == UNDEFINED_TABLE:
        return "The database has no tables yet: run `busbar migrate`."
    trouble = "cannot be used" if as_unavailable(error) else "refuses this"
    return f"The database {trouble}: {str(cause).splitlines()[0]}"
