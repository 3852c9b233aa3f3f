"""A database that has stopped answering: nobody waits for it for ever."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from app.store import doctor
from app.store.engine import (
    UNACKNOWLEDGED_MS,
    is_outage,
    open_engine,
    patient,
    statement,
    transaction,
)
from tests.store.conftest import Book

ANSWER_TIMEOUT_S = 0.5
PROBES = {"keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3"}
"""A peer that says nothing is asked after 10 s, and given up after three questions."""

SETTINGS = {
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
}
"""What the server is told of every connection."""


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine with little patience."""
    opened = open_engine(database_url, pool_size=2, name="tests", answer_timeout_s=ANSWER_TIMEOUT_S)
    yield opened
    opened.dispose()


def test_a_statement_leaves_a_server_that_hangs(engine: Engine) -> None:
    """It ends in an error that counts as an outage, so that it is told and tried again."""
    with pytest.raises(OperationalError) as raised, statement(engine) as conn, _frozen(conn):
        conn.execute(text("SELECT 1"))
    assert is_outage(raised.value)


def test_a_commit_leaves_a_server_that_hangs(engine: Engine) -> None:
    """The end of a transaction is no exception."""
    with engine.connect() as conn:
        conn.execute(text("SELECT 1"))
        with _frozen(conn), pytest.raises(OperationalError) as raised:
            conn.commit()
    assert is_outage(raised.value)


def test_a_connection_that_was_given_up_is_not_used_again(engine: Engine) -> None:
    """What the server may still answer on it is not taken for the answer to something else."""
    with pytest.raises(OperationalError), statement(engine) as conn, _frozen(conn):
        conn.execute(text("SELECT 1"))
    with transaction(engine) as conn:
        assert conn.execute(text("SELECT 2")).scalar() == 2


def test_an_answer_in_time_is_waited_for(engine: Engine) -> None:
    """The limit is for one answer; many in a row may take longer."""
    with statement(engine) as conn:
        for _ in range(3):
            conn.execute(text("SELECT pg_sleep(:s)"), {"s": ANSWER_TIMEOUT_S * 0.6})


def test_an_error_of_the_server_leaves_the_connection(engine: Engine) -> None:
    """Who hears from the server, if only that it refuses, goes on with the same connection."""
    with engine.connect() as conn:
        before = _pid(conn)
        conn.execute(text("SET statement_timeout = 50"))
        conn.commit()
        with pytest.raises(OperationalError, match="statement timeout"):
            conn.execute(text("SELECT pg_sleep(5)"))
        conn.rollback()
        assert _pid(conn) == before


def test_what_takes_long_by_nature_is_waited_for(engine: Engine) -> None:
    """The doctor and migrations wait; afterwards the limit holds again."""
    with statement(engine) as conn:
        with patient(conn):
            conn.execute(text("SELECT pg_sleep(:s)"), {"s": 2 * ANSWER_TIMEOUT_S})
        with pytest.raises(OperationalError):
            conn.execute(text("SELECT pg_sleep(:s)"), {"s": 8 * ANSWER_TIMEOUT_S})


def test_the_doctor_is_patient(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """An examination may take longer than any other statement."""
    slow = f"SELECT '' AS check_name, '' AS subject, pg_sleep({2 * ANSWER_TIMEOUT_S}) AS detail"
    monkeypatch.setattr(doctor, "CHECKS", slow)
    with statement(engine) as conn:
        assert len(doctor.examine(conn)) == 1


@pytest.mark.parametrize(("name", "value"), SETTINGS.items())
def test_the_server_has_limits_of_its_own(book: Book, name: str, value: str) -> None:
    """Every connection tells the server how long it may take, and may be left."""
    with book.engine.connect() as conn:
        assert conn.execute(text(f"SHOW {name}")).scalar() == value


def test_over_tcp_both_sides_look_after_each_other(book: Book) -> None:
    """A host that vanishes is noticed by its peer within half a minute, not within hours."""
    with book.engine.connect() as conn:
        driver: Any = conn.connection.driver_connection
        told = {part.keyword.decode(): (part.val or b"").decode() for part in driver.pgconn.info}
    ours = {name: told[name] for name in PROBES} | {"user_timeout": told["tcp_user_timeout"]}
    assert ours == {**PROBES, "user_timeout": str(UNACKNOWLEDGED_MS)}
    theirs = {name: f"-c tcp_{name}={value}" in told["options"] for name, value in ours.items()}
    assert set(theirs.values()) == {True}


@contextmanager
def _frozen(conn: Connection) -> Iterator[None]:
    """Let the server process of a connection stand still, as on a host that is frozen."""
    pid = _pid(conn)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _pid(conn: Connection) -> int:
    driver: Any = conn.connection.driver_connection
    pid: int = driver.info.backend_pid
    return pid
