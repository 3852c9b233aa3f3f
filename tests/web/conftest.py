"""One database and one application for the whole folder; each test is a customer of its own.

Tests that break the database, or count what is in it, take the `gateway` of the root instead.
"""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest

from app.embedded import Stack
from app.gateway import open_gateway
from app.settings import Settings
from app.store import schema
from app.store.engine import open_engine

from .api import Api, open_api
from .carrier import Script, carrying, echo


@pytest.fixture(scope="session")
def shared_settings(stack: Stack, worker_id: str) -> Settings:
    """Settings of the folder's own database; it goes with the stack."""
    assert stack.database_url is not None
    assert stack.redis_url is not None
    name = f"web_{worker_id}"
    with psycopg.connect(stack.database_url.replace("+psycopg", ""), autocommit=True) as conn:
        conn.execute(f'CREATE DATABASE "{name}"')
    settings = Settings(
        database_url=stack.database_url.replace("@/busbar?", f"@/{name}?"),
        redis_url=stack.redis_url,
        redis_prefix=f"web:{uuid.uuid4().hex}:",
    )
    engine = open_engine(settings.database_url, pool_size=1, name="tests")
    schema.migrate(engine)
    engine.dispose()
    return settings


@pytest.fixture(scope="session")
def shared(shared_settings: Settings) -> Iterator[Api]:
    """The application all tests of the folder may call."""
    gateway = open_gateway(shared_settings, name="tests")
    yield open_api(gateway)
    gateway.close()


@pytest.fixture
def api(shared: Api) -> Api:
    """A new customer of the folder's application, with ten dollars."""
    return shared.another()


@pytest.fixture
def poor(shared: Api) -> Api:
    """A new customer who has nothing."""
    return shared.another(dollars="0")


@pytest.fixture
def carry() -> Iterator[Callable[..., None]]:
    """Start a carrier for a customer's jobs; it ends with the test."""
    with ExitStack() as carriers:

        def begin(api: Api, script: Script = echo) -> None:
            carriers.enter_context(carrying(api.gateway, api.customer.account_id, script))

        yield begin
