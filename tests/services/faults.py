"""Real accidents: connections that die between two statements, a database nobody gets into."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, PoolProxiedConnection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from app.gateway import Gateway
from tests.overheard import overheard
from tests.services.book import look
from tests.simulator.running import eventually

TERMINATE_TIMEOUT_MS = 5_000
NOWHERE = "unix:///nowhere/valkey.sock?db=0"
"""A Redis that is down."""

_STALLED = (
    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)

T = TypeVar("T")
R = TypeVar("R")


@contextmanager
def cut(gateway: Gateway, killer: Gateway, *, before: int) -> Iterator[None]:
    """Kill this gateway's connection right before its statement of that number (0, 1, …) is sent.

    The server rolls back what the transaction had done until then, as it does when a worker dies.
    """
    sent = 0

    def kill(conn: Connection, *_: object) -> None:
        nonlocal sent
        if sent == before:
            terminate(killer, _pid(conn))
        sent += 1

    with overheard(gateway.engine, before=kill):
        yield


@contextmanager
def counted(gateway: Gateway) -> Iterator[list[str]]:
    """Collect the statements a gateway sends."""
    sent: list[str] = []

    def collect(_conn: object, sql: str, _values: object) -> None:
        sent.append(sql)

    with overheard(gateway.engine, before=collect):
        yield sent


@contextmanager
def answer_lost(engine: Engine) -> Iterator[None]:
    """Commit, but lose the connection before the client hears of it; once."""
    real, lost = engine.dialect.do_commit, False

    def lose() -> None:
        nonlocal lost
        if not lost:
            lost = True
            raise psycopg.OperationalError("the connection is lost")

    def commit_and_lose(dbapi_connection: PoolProxiedConnection) -> None:
        real(dbapi_connection)
        lose()

    def lose_what_commits_by_itself(conn: Connection, *_: object) -> None:
        driver: Any = conn.connection.driver_connection
        if driver.autocommit:
            try:
                lose()
            except psycopg.OperationalError as error:
                raise OperationalError(None, None, error) from error

    engine.dialect.do_commit = commit_and_lose  # type: ignore[method-assign]
    try:
        with overheard(engine, after=lose_what_commits_by_itself):
            yield
    finally:
        engine.dialect.do_commit = real  # type: ignore[method-assign]
        assert lost


@contextmanager
def away(database_url: str) -> Iterator[None]:
    """Let nobody into the database, and throw out who is in it."""
    url = make_url(database_url)
    name = url.database
    outside = url.set(database="postgres", drivername="postgresql")
    with psycopg.connect(outside.render_as_string(hide_password=False), autocommit=True) as conn:
        conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            conn.execute(
                "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE datname = %s",
                (TERMINATE_TIMEOUT_MS, name),
            )
            yield
        finally:
            conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@contextmanager
def slow(gateway: Gateway, table: str, *, row_s: float, where: str = "true") -> Iterator[None]:
    """Let each new row of a table take so many seconds, or each for which `where` holds."""
    with gateway.engine.begin() as conn:
        conn.exec_driver_sql(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN PERFORM pg_sleep({row_s}); RETURN new; END $$"
        )
        conn.exec_driver_sql(
            f"CREATE TRIGGER dawdle BEFORE INSERT ON {table} FOR EACH ROW"
            f" WHEN ({where}) EXECUTE FUNCTION dawdle()"
        )
    try:
        yield
    finally:
        with gateway.engine.begin() as conn:
            conn.exec_driver_sql("DROP FUNCTION dawdle CASCADE")


@contextmanager
def refused(gateway: Gateway, event_of: str) -> Iterator[None]:
    """Let the database refuse to do something ("DELETE ON job_payloads") as a fault of ours."""
    with gateway.engine.begin() as conn:
        conn.exec_driver_sql(
            "CREATE FUNCTION balk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'balked'; END $$"
        )
        conn.exec_driver_sql(
            f"CREATE TRIGGER balk BEFORE {event_of} FOR EACH STATEMENT EXECUTE FUNCTION balk()"
        )
    try:
        yield
    finally:
        with gateway.engine.begin() as conn:
            conn.exec_driver_sql("DROP FUNCTION balk CASCADE")


@contextmanager
def hurried(gateway: Gateway, *, limit_ms: int) -> Iterator[None]:
    """Give each statement of a gateway so little time."""

    def limit(connection: Any, _record: object) -> None:
        connection.execute(f"SET statement_timeout = {limit_ms}")
        connection.commit()

    gateway.engine.dispose()
    event.listen(gateway.engine, "connect", limit)
    try:
        yield
    finally:
        event.remove(gateway.engine, "connect", limit)
        gateway.engine.dispose()


def terminate(gateway: Gateway, pid: int) -> None:
    """Kill one server process of the database and wait until it is gone."""
    with gateway.engine.connect() as conn:
        gone = text("SELECT pg_terminate_backend(:pid, :timeout_ms)")
        assert conn.execute(gone, {"pid": pid, "timeout_ms": TERMINATE_TIMEOUT_MS}).scalar_one()


def at_once(work: Callable[[T], R], items: Sequence[T], *, threads: int | None = None) -> list[R]:
    """Do `work` for all items in as many threads, which all begin at the same moment."""
    wide = threads or len(items)
    gate = threading.Barrier(wide)

    def begin(item: T, number: int) -> R:
        if number < wide:
            gate.wait(timeout=30)
        return work(item)

    with ThreadPoolExecutor(wide) as pool:
        return list(pool.map(begin, items, range(len(items))))


def in_groups(blocker: Gateway, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Do `work` for all items at once, with jobs locked until all but the first had to gather."""
    gate = threading.Barrier(len(items))

    def begin(item: T) -> R:
        gate.wait(timeout=30)
        return work(item)

    with ThreadPoolExecutor(len(items)) as pool:
        with blocker.engine.begin() as conn:
            conn.execute(text("LOCK TABLE jobs IN EXCLUSIVE MODE"))
            outcomes = [pool.submit(begin, item) for item in items]
            assert eventually(lambda: look(blocker, _STALLED))
        return [outcome.result(timeout=30) for outcome in outcomes]


def _pid(conn: Connection) -> int:
    driver: Any = conn.connection.dbapi_connection
    pid: int = driver.info.backend_pid
    return pid
