"""Every adapter in turn, a real simulator to call, and a peer that says anything."""

from collections.abc import Iterator

import pytest

from tests.simulator.running import Simulator, simulator_of

from .calling import Asking
from .dialects import DIALECTS, Dialect
from .peer import Peer, peer_of


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.protocol)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Return each protocol there is an adapter for."""
    each: Dialect = request.param
    return each


@pytest.fixture
def adapter(dialect: Dialect) -> Asking:
    """Return what calls upstreams through the adapter of that protocol."""
    return Asking(dialect=dialect)


@pytest.fixture(scope="package")
def running() -> Iterator[Simulator]:
    """Return a simulator that lives as long as the tests of this folder."""
    with simulator_of() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    """Return a simulator that has seen no calls and has no faults."""
    running.fresh()
    return running


@pytest.fixture
def upstream(simulator: Simulator) -> str:
    """Return the base URL a provider of the catalog would have for the simulator."""
    return f"{simulator.url}/v1"


@pytest.fixture
def peer(dialect: Dialect) -> Iterator[Peer]:
    """Return a peer that gives a good answer until told otherwise."""
    with peer_of() as each:
        each.answers(dialect.answer())
        yield each
