"""Several migrators at once, as when a release comes up in many places."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest
from sqlalchemy import Engine, create_engine, text

from app.store import revision, schema
from app.store.connection import Impatient
from tests.simulator.running import eventually

STATEMENT_TIMEOUT_MS: Final = 100
LOCK_OF_MIGRATORS: Final = 0x6275_7362_6172
HELD_S: Final = 5 * STATEMENT_TIMEOUT_MS / 1_000

WAITS_LONG = text(
    "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
    " AND query_start < now() - make_interval(secs => :held_s)"
)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine whose statements have little time."""
    options = f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"

    def connect() -> Impatient:
        connection = Impatient.connect(database_url.replace("+psycopg", ""), options=options)
        connection.answer_timeout_s = STATEMENT_TIMEOUT_MS / 1_000
        return connection

    opened = create_engine(database_url, pool_size=1, creator=connect)
    yield opened
    opened.dispose()


def test_the_second_waits_for_the_first(engine: Engine, database_url: str) -> None:
    """A migrator waits for another one longer than any statement may take, and then goes on."""
    first = create_engine(database_url)
    with first.connect() as conn, ThreadPoolExecutor(1) as pool:
        conn.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_OF_MIGRATORS})
        conn.commit()
        second = pool.submit(schema.migrate, engine)

        def waits_long() -> bool:
            found = conn.execute(WAITS_LONG, {"held_s": HELD_S}).first() is not None
            conn.commit()  # now() is the transaction's
            return found

        assert eventually(lambda: second.done() or waits_long())
        assert not second.done()
        conn.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_OF_MIGRATORS})
        conn.commit()
        assert second.result(30) == revision.head()
    first.dispose()


def test_a_migrator_leaves_its_connection_as_it_was(engine: Engine) -> None:
    """Whoever uses the connection next has the limits of its pool again."""
    schema.migrate(engine)
    with engine.connect() as conn:
        shown = [conn.execute(text(f"SHOW {name}_timeout")).scalar() for name in _LIMITS]
    assert shown == [f"{STATEMENT_TIMEOUT_MS}ms", "0"]


_LIMITS: Final = ("statement", "lock")
