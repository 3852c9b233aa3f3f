"""Real servers for the tests: one stack per session, a database per test, a key prefix per test."""

import uuid
from collections.abc import Callable, Iterator
from fcntl import LOCK_EX, flock
from pathlib import Path

import psycopg
import pytest

from app.embedded import EmbeddedError, Stack, open_stack, reset
from app.gateway import Gateway, open_gateway
from app.settings import Settings
from app.store import schema
from app.store.engine import open_engine

REDIS_DATABASES = 16


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Stack]:
    """The session's PostgreSQL and Valkey, shared by all xdist workers."""
    base = tmp_path_factory.getbasetemp()
    state = (base if worker_id == "master" else base.parent) / "stack"
    with open_stack(state, durable=False) as opened:
        yield opened
    _reset_as_the_last(state)


@pytest.fixture(scope="session")
def template(stack: Stack, worker_id: str) -> str:
    """A migrated database that each test's own is copied from."""
    name = f"template_{worker_id}"
    _administer(stack, f'CREATE DATABASE "{name}"')
    engine = open_engine(_url(stack, name), pool_size=1, name="tests")
    schema.migrate(engine)
    engine.dispose()
    return name


@pytest.fixture
def database_url(stack: Stack, template: str) -> Iterator[str]:
    """A fresh, migrated database of this test's own."""
    name = f"test_{uuid.uuid4().hex}"
    _administer(stack, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield _url(stack, name)
    _administer(stack, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def redis_url(stack: Stack, worker_id: str) -> str:
    """The session's Valkey, a database number per xdist worker."""
    assert stack.redis_url is not None
    number = 0 if worker_id == "master" else int(worker_id.removeprefix("gw")) + 1
    assert number < REDIS_DATABASES
    return stack.redis_url.replace("db=0", f"db={number}")


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    """Settings that point at this test's own database and key prefix."""
    return Settings(
        database_url=database_url, redis_url=redis_url, redis_prefix=f"test:{uuid.uuid4().hex}:"
    )


@pytest.fixture
def open_another(settings: Settings) -> Iterator[Callable[..., Gateway]]:
    """Open further gateways on this test's database, each as a process of its own would."""
    opened: list[Gateway] = []

    def open_one(**changes: object) -> Gateway:
        gateway = open_gateway(settings.model_copy(update=changes), name="tests")
        opened.append(gateway)
        return gateway

    yield open_one
    for gateway in opened:
        gateway.close()


@pytest.fixture
def gateway(open_another: Callable[..., Gateway]) -> Gateway:
    """A gateway on this test's own database."""
    return open_another()


def _administer(stack: Stack, statement: str) -> None:
    url = _url(stack, "postgres").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(statement)  # type: ignore[call-overload]


def _url(stack: Stack, database: str) -> str:
    assert stack.database_url is not None
    return stack.database_url.replace("@/busbar?", f"@/{database}?")


def _reset_as_the_last(state: Path) -> None:
    with state.with_suffix(".reset").open("w") as lock:
        flock(lock, LOCK_EX)  # two xdist workers may end at the same moment
        try:
            reset(state)
        except EmbeddedError:
            return  # another xdist worker still uses it, and will do this
