"""The database engine and the transaction block."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from app.store.connection import ANSWER_TIMEOUT_S, Impatient

CONNECT_TIMEOUT_S: Final = 3
STATEMENT_TIMEOUT_MS: Final = 10_000
IDLE_IN_TRANSACTION_TIMEOUT_MS: Final = 10_000
UNACKNOWLEDGED_MS: Final = 10_000
"""How long either side's kernel waits for the other's to say that data has arrived."""

KEEPALIVE_IDLE_S: Final = 10
KEEPALIVE_INTERVAL_S: Final = 5
KEEPALIVE_COUNT: Final = 3
POOL_TIMEOUT_S: Final = 5
POOL_RECYCLE_S: Final = 1_800
PLANS: Final = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off"
"""Plan each prepared statement once. A plan made while a table was small must not read all of it
when it has grown, so sequential scans are out; only the doctor wants them back."""

WATCHED: Final = (
    f"-c tcp_keepalives_idle={KEEPALIVE_IDLE_S} -c tcp_keepalives_interval={KEEPALIVE_INTERVAL_S}"
    f" -c tcp_keepalives_count={KEEPALIVE_COUNT} -c tcp_user_timeout={UNACKNOWLEDGED_MS}"
)
"""The server looks after us as we do after it: a host that vanishes without a word would otherwise
keep its locks, the leader's among them, for as long as the server's kernel likes: two hours."""

CONFLICT_TRIES: Final = 5
CONFLICTS: Final = frozenset({"40P01", "40001"})
"""SQLSTATEs of deadlock and serialization failure."""

T = TypeVar("T")

Session = Connection
"""What services call a connection with a transaction on it."""


def open_engine(
    database_url: str, *, pool_size: int, name: str, answer_timeout_s: float = ANSWER_TIMEOUT_S
) -> Engine:
    """Return an engine of at most `pool_size` connections; `name` shows in pg_stat_activity.

    A server that hangs is left after `answer_timeout_s`, with an error that counts as an outage.
    """
    engine = create_engine(
        database_url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        pool_recycle=POOL_RECYCLE_S,
        pool_use_lifo=True,
        pool_reset_on_return=None,
        hide_parameters=True,  # They are prompts and digests, and errors end up in logs.
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": name,
            "keepalives": 1,
            "keepalives_idle": KEEPALIVE_IDLE_S,
            "keepalives_interval": KEEPALIVE_INTERVAL_S,
            "keepalives_count": KEEPALIVE_COUNT,
            "tcp_user_timeout": UNACKNOWLEDGED_MS,
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"
            f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT_MS}"
            f" -c timezone=UTC {PLANS} {WATCHED}",
        },
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, args: Any, options: Any) -> Impatient:
        connection = Impatient.connect(*args, **options)
        connection.answer_timeout_s = answer_timeout_s
        return connection

    @event.listens_for(engine, "reset")
    def reset(connection: Impatient, _record: object, _state: object) -> None:
        # Nearly always its transaction is over: nothing to roll back.
        if connection.info.transaction_status is not TransactionStatus.IDLE:
            connection.rollback()

    return engine


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction as one visible block; nothing slow happens inside."""
    with engine.begin() as conn:
        yield conn


@contextmanager
def statement(engine: Engine) -> Iterator[Connection]:
    """A connection on which each statement commits by itself: one round trip less."""
    with engine.connect() as conn:
        # What SQLAlchemy does for an isolation level of AUTOCOMMIT costs ten times as much.
        driver: Any = conn.connection.driver_connection
        driver.autocommit = True
        try:
            yield conn
        finally:
            if not driver.closed:
                driver.autocommit = False


@contextmanager
def patient(conn: Connection) -> Iterator[None]:
    """Wait for the answers on a connection as long as they take; statement_timeout is another."""
    driver: Any = conn.connection.driver_connection
    usual_s, driver.answer_timeout_s = driver.answer_timeout_s, None
    try:
        yield
    finally:
        driver.answer_timeout_s = usual_s


def again(work: Callable[[], T]) -> T:
    """Do `work`, a whole transaction, once more when it lost against a concurrent one."""
    for _ in range(CONFLICT_TRIES - 1):
        try:
            return work()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in CONFLICTS:
                raise
    return work()


def is_outage(error: DBAPIError) -> bool:
    """True when the database went away, so that the same work may be tried again.

    Decided by SQLSTATE: class 08 (connection), 57P (shutdown), 53 (resources), 40 (deadlock and
    serialization), 25006 (read only after a failover), 57014 (cancelled by a time limit); an error
    without a state never reached the server.
    """
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return error.connection_invalidated or _is_operational(error)
    return state.startswith(("08", "57P", "53", "40")) or state in {"25006", "57014", "55P03"}


def _is_operational(error: DBAPIError) -> bool:
    return type(error).__name__ in {"OperationalError", "InterfaceError"}
