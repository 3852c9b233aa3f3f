"""A simulator to call, a catalog that leads to it, and the doctor after each test with a book."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app import catalog
from app.embedded import Stack
from app.gateway import Gateway, open_gateway
from app.services import read
from app.settings import Settings
from tests.factories import Customer, make_customer
from tests.services.databases import database_of, empty
from tests.services.faults import NOWHERE
from tests.simulator.running import Simulator, simulator_of

EXAMPLE_URL = "http://127.0.0.1:8090"
NO_DATABASE = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"


@pytest.fixture(scope="session")
def workers_database(stack: Stack, template: str) -> Iterator[str]:
    """A database for all tests of the workers, which use it one after the other."""
    with database_of(stack, template) as url:
        yield url


@pytest.fixture
def database_url(workers_database: str) -> str:
    """The shared database, without a row."""
    empty(workers_database)
    return workers_database


@pytest.fixture(scope="session")
def running() -> Iterator[Simulator]:
    """Run a simulator for all tests of the workers."""
    with simulator_of() as started:
        yield started


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    """The simulator, with no calls seen and no faults in force."""
    running.fresh()
    return running


@pytest.fixture
def catalog_file(simulator: Simulator, tmp_path: Path) -> Path:
    """The example catalog, with this simulator as every provider."""
    path = tmp_path / "busbar.toml"
    path.write_text(catalog.EXAMPLE.read_text().replace(EXAMPLE_URL, simulator.url))
    return path


@pytest.fixture
def gateway(open_another: Callable[..., Gateway], catalog_file: Path) -> Iterator[Gateway]:
    """A gateway whose calls go to the simulator; the doctor looks at its book in the end."""
    yield open_another(catalog=catalog_file)
    assert read.examine(open_another()) == []


@pytest.fixture
def bare_gateway(catalog_file: Path) -> Iterator[Gateway]:
    """A gateway with neither database nor bus, for parts that need only the catalog."""
    settings = Settings(database_url=NO_DATABASE, redis_url=NOWHERE, catalog=catalog_file)
    opened = open_gateway(settings, name="tests")
    yield opened
    opened.close()


@pytest.fixture
def customer(gateway: Gateway) -> Customer:
    """An account with a key and ten dollars."""
    return make_customer(gateway)
