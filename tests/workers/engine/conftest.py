"""An engine for each test."""

from collections.abc import Iterator

import pytest

from app.gateway import Gateway
from tests.workers.engine.desk import Desk


@pytest.fixture
def desk(bare_gateway: Gateway) -> Iterator[Desk]:
    """Return an engine whose provider is the simulator."""
    opened = Desk(bare_gateway)
    yield opened
    opened.close()
