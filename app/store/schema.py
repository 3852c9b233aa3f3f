"""Migrations from the inside: bring a database to a revision."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from app.store.engine import patient
from app.store.revision import MIGRATIONS, at


def migrate(engine: Engine, revision: str = "head") -> str:
    """Bring the schema up to `revision` and return the revision it is at now.

    Safe to run from several processes at once: an advisory lock lets one work, the others find
    nothing to do.
    """
    with engine.connect() as connection, patient(connection):
        command.upgrade(_config(connection), revision)
    return at(engine) or "base"


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to `revision`; for tests and for a release that must be undone."""
    with engine.connect() as connection, patient(connection):
        command.downgrade(_config(connection), revision)


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
