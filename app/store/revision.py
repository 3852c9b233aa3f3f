"""Which revision of the schema a database is at, and which one this code was written for.

Apart from the migrations themselves: submitters ask this, and need none of what migrating takes.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

MIGRATIONS: Final = Path(__file__).resolve().parents[2] / "migrations"

_AT: Final = text("SELECT version_num FROM alembic_version")
_IS_MIGRATED: Final = text("SELECT to_regclass('alembic_version') IS NOT NULL")


def at(engine: Engine) -> str | None:
    """Return the revision the database is at; None before the first migration."""
    with engine.connect() as connection:
        if not connection.scalar(_IS_MIGRATED):
            return None
        found: str | None = connection.scalar(_AT)
        return found


def head() -> str:
    """Return the revision this code was written for: the last of the files, which are numbered."""
    names = (MIGRATIONS / "versions").glob("[0-9]*_*.py")
    return max(each.name for each in names).partition("_")[0]
