"""Migrations from the inside: bring a database to head, and say whether it is there."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

MIGRATIONS: Final = Path(__file__).resolve().parents[2] / "migrations"


def migrate(engine: Engine, revision: str = "head") -> str:
    """Bring the schema up to `revision` and return the revision it is at now.

    Safe to run from several processes at once: an advisory lock lets one work, the others find
    nothing to do.
    """
    with engine.connect() as connection:
        command.upgrade(_config(connection), revision)
    return at(engine) or "base"


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to `revision`; for tests and for a release that must be undone."""
    with engine.connect() as connection:
        command.downgrade(_config(connection), revision)


def at(engine: Engine) -> str | None:
    """Return the revision the database is at; None before the first migration."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """Return the revision this code was written for."""
    revision = ScriptDirectory.from_config(_config(None)).get_current_head()
    assert revision is not None
    return revision


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
