"""The tables the code knows are the tables the migrations make."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from app.store import revision, schema
from app.store.engine import open_engine
from app.store.tables import metadata


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on this test's own database."""
    opened = open_engine(database_url, pool_size=2, name="tests")
    yield opened
    opened.dispose()


def test_head_equals_the_tables(engine: Engine) -> None:
    """A migrated database differs from `tables.py` in nothing: types, defaults, indexes, names."""
    with engine.connect() as conn:
        context = MigrationContext.configure(
            conn, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []


def test_check_constraints_are_the_same(engine: Engine) -> None:
    """Every CHECK of `tables.py` is in the migrated database under its sentence."""
    with engine.connect() as conn:
        for table in metadata.sorted_tables:
            wanted = {c.name for c in table.constraints if isinstance(c, CheckConstraint)}
            found = {c["name"] for c in inspect(conn).get_check_constraints(table.name)}
            assert found == wanted, table.name


def test_every_step_goes_down_and_up_again(engine: Engine) -> None:
    """The schema can be taken back to nothing and brought up again."""
    schema.downgrade(engine, "base")
    with engine.connect() as conn:
        assert inspect(conn).get_table_names() == ["alembic_version"]
    assert schema.migrate(engine) == revision.head()


def test_migrating_twice_changes_nothing(engine: Engine) -> None:
    """A second migrator finds nothing to do."""
    assert schema.migrate(engine) == revision.at(engine) == revision.head()


@pytest.mark.parametrize("statement", ["UPDATE transfers SET kind = kind", "DELETE FROM transfers"])
def test_transfers_are_append_only(engine: Engine, statement: str) -> None:
    """The trigger refuses to change what was written, even when no row would change."""
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as conn:
        conn.execute(text(statement))
