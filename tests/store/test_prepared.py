"""Statements built once, and the engine's own ways."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress

import psycopg
import pytest
from sqlalchemy import (
    Connection,
    Engine,
    Integer,
    LargeBinary,
    Text,
    bindparam,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from app.store.engine import (
    CONFLICT_TRIES,
    again,
    is_outage,
    open_engine,
    statement,
    transaction,
)
from app.store.prepared import Prepared, records, rows
from app.store.tables import accounts
from tests.store.conftest import Book

Block = Callable[[Engine], AbstractContextManager[Connection]]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a database of the test's own."""
    opened = open_engine(database_url, pool_size=2, name="busbar tests")
    yield opened
    opened.dispose()


def test_entries_become_rows(conn: Connection) -> None:
    """Tuples go in as one JSON text and come out as rows, in their order."""
    table = rows("t", label=Text(), number=Integer())
    ask = Prepared(select(table))
    entries = [("a", 1), ("b", None), ("ö, \"'{}\\", -3)]
    found = ask(conn, **records("t", entries, "label", "number"))
    assert [tuple(row) for row in found] == entries


def test_no_entries_are_no_rows(conn: Connection) -> None:
    """An empty list is an empty table, not an error."""
    table = rows("t", label=Text(), number=Integer())
    assert Prepared(select(table))(conn, **records("t", [], "label", "number")) == []


def test_entries_of_unequal_length_are_refused() -> None:
    """A row with a value too few is found out before anything is sent."""
    with pytest.raises(ValueError, match="shorter"):
        records("t", [("a", 1), ("b",)], "label", "number")


def test_a_statement_serves_again_with_other_values(conn: Connection) -> None:
    """Values and constants of a statement stay apart from call to call."""
    ask = Prepared(select(bindparam("x", type_=Integer()) + literal(40)))
    assert [ask(conn, x=x).one()[0] for x in (1, 2)] == [41, 42]


def test_a_statement_keeps_nothing_of_its_values(conn: Connection) -> None:
    """A pooled connection does not hold on to the bodies that went over it last."""
    assert _LENGTH(conn, body=b"").one() == (0,)
    tracemalloc.start()
    assert _LENGTH(conn, body=b"x" * 4_000_000).one() == (4_000_000,)
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert left < 1_000_000


def test_a_broken_rule_is_told_as_sqlalchemy_tells_it(conn: Connection) -> None:
    """What the schema refuses is an IntegrityError with its state."""
    _OPEN(conn, id="acct_twice", name="twice")
    with pytest.raises(IntegrityError) as raised:
        _OPEN(conn, id="acct_twice", name="twice")
    assert isinstance(raised.value.orig, psycopg.errors.UniqueViolation)
    assert not is_outage(raised.value)


def test_a_lost_connection_takes_those_of_its_age_with_it(engine: Engine) -> None:
    """After one is lost the pool makes new ones: whoever comes next finds a server that answers."""
    with engine.connect() as lost:
        _ONE(lost)
        killer = _end(engine, lost)
        with pytest.raises(OperationalError) as raised:
            _ONE(lost)
        assert is_outage(raised.value)
        assert lost.invalidated
    with transaction(engine) as conn:
        assert _ONE(conn).one() == (1,)
        assert _pid(conn) != killer


def test_what_a_prepared_statement_did_is_rolled_back(engine: Engine) -> None:
    """A connection given back without a commit leaves nothing behind."""
    with engine.connect() as conn:
        _OPEN(conn, id="acct_left", name="left")
    with engine.connect() as conn:
        assert not conn.execute(text("SELECT 1 FROM accounts WHERE id = 'acct_left'")).all()


def test_a_transaction_is_all_or_nothing(engine: Engine) -> None:
    """What was written before an error in the block is not there after it."""
    assert not _outlives_an_error(engine, transaction)


def test_a_statement_commits_by_itself(engine: Engine) -> None:
    """What was written before an error in the block is there all the same."""
    assert _outlives_an_error(engine, statement)


def test_a_single_statement_leaves_its_connection_as_it_was(engine: Engine) -> None:
    """A transaction on the same pooled connection is a transaction again."""
    with statement(engine) as conn:
        conn.execute(text("SELECT 1"))
    assert not _outlives_an_error(engine, transaction)


def test_operators_see_whose_connection_it_is(engine: Engine) -> None:
    """The process is named in pg_stat_activity, and its statements have a time limit."""
    with engine.connect() as conn:
        shown = ("application_name", "statement_timeout", "idle_in_transaction_session_timeout")
        values = [conn.execute(text(f"SHOW {name}")).scalar_one() for name in shown]
    assert values == ["busbar tests", "10s", "10s"]


@pytest.mark.parametrize("state", ["40P01", "40001"])
def test_a_conflict_is_tried_again(book: Book, state: str) -> None:
    """A transaction that lost against another one is done once more, and no more than that."""
    tries = []

    def work() -> int:
        tries.append(1)
        if len(tries) < CONFLICT_TRIES:
            _raise(book.engine, state)
        return len(tries)

    assert again(work) == CONFLICT_TRIES


def test_a_conflict_that_never_ends_is_an_error(book: Book) -> None:
    """After a few tries the last error is raised."""
    tries = []

    def work() -> None:
        tries.append(1)
        _raise(book.engine, "40P01")

    with pytest.raises(OperationalError):
        again(work)
    assert len(tries) == CONFLICT_TRIES


def test_another_error_is_not_tried_again(book: Book) -> None:
    """A broken rule would be broken the next time too."""
    tries = []

    def work() -> None:
        tries.append(1)
        _raise(book.engine, "23514")

    with pytest.raises(IntegrityError):
        again(work)
    assert len(tries) == 1


@pytest.mark.parametrize(
    ("state", "outage"),
    [
        ("57P01", True),  # admin_shutdown
        ("57P03", True),  # cannot_connect_now
        ("53300", True),  # too_many_connections
        ("08006", True),  # connection_failure
        ("40P01", True),  # deadlock_detected
        ("25006", True),  # read_only_sql_transaction
        ("57014", True),  # query_canceled
        ("23505", False),  # unique_violation
        ("42P01", False),  # undefined_table
        ("22P02", False),  # invalid_text_representation
        ("P0001", False),  # raise_exception
    ],
)
def test_an_outage_is_told_from_a_fault(book: Book, state: str, *, outage: bool) -> None:
    """By its SQLSTATE an error says whether the same work may be tried again."""
    with pytest.raises(DBAPIError) as raised:
        _raise(book.engine, state)
    assert is_outage(raised.value) is outage


def test_a_server_that_cannot_be_reached_is_an_outage() -> None:
    """An error without a state never reached the server."""
    nowhere = open_engine("postgresql+psycopg://x@127.0.0.1:1/x", pool_size=1, name="tests")
    with pytest.raises(OperationalError) as raised:
        nowhere.connect()
    assert is_outage(raised.value)


def test_a_value_that_cannot_be_sent_is_no_outage(conn: Connection) -> None:
    """Text that the driver refuses would be refused the next time too."""
    with pytest.raises(DBAPIError) as raised:
        conn.execute(text("SELECT :x"), {"x": "\0"})
    assert isinstance(raised.value.orig, psycopg.DataError)
    assert not is_outage(raised.value)


def test_an_unknown_column_is_a_programming_error(conn: Connection) -> None:
    """Our own faults are not dressed up as outages."""
    with pytest.raises(ProgrammingError) as raised:
        conn.execute(text("SELECT nothing FROM jobs"))
    assert not is_outage(raised.value)


_LENGTH = Prepared(select(func.length(bindparam("body", type_=LargeBinary()))))
_ONE = Prepared(select(literal(1)))
_OPEN = Prepared(insert(accounts).values(id=bindparam("id"), name=bindparam("name")))


def _end(engine: Engine, conn: Connection) -> int:
    """End a connection by another of the same pool, and return whose process that has."""
    with statement(engine) as killer:
        killer.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": _pid(conn)})
        return _pid(killer)


def _pid(conn: Connection) -> int:
    pid: int = conn.connection.driver_connection.info.backend_pid  # type: ignore[union-attr]
    return pid


def _outlives_an_error(engine: Engine, block: Block) -> bool:
    """Say whether what is written in a block is there after an error in the block."""
    with suppress(ZeroDivisionError), block(engine) as conn:
        conn.execute(text("INSERT INTO accounts (id, name) VALUES ('acct_new', 'new')"))
        raise ZeroDivisionError
    with engine.connect() as conn:
        return conn.execute(text("SELECT 1 FROM accounts")).first() is not None


def _raise(engine: Engine, state: str) -> None:
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"
    with engine.begin() as conn:
        conn.execute(text(raising))
