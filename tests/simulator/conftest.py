"""One simulator for all tests that only speak to it, fresh for each."""

from collections.abc import Iterator

import pytest

from .running import Simulator, simulator_of


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
