"""Intakes for each test."""

from collections.abc import Iterator

import pytest

from app.gateway import Gateway
from tests.workers.intake.desk import Desk, DeskOf, Open


@pytest.fixture
def desk_of(gateway: Gateway) -> Iterator[DeskOf]:
    """Open intakes, and close them in the end."""
    opened: list[Desk] = []

    def open_one(gateway: Gateway, *, slots: int = 100) -> Desk:
        opened.append(Desk(gateway, slots))
        return opened[-1]

    yield open_one
    for desk in opened:
        desk.intake.close()


@pytest.fixture
def narrow(open_another: Open, gateway: Gateway) -> Gateway:
    """A gateway of a worker with one slot, and threads for two batch messages that wait."""
    return open_another(
        catalog=gateway.settings.catalog, slots=1, worker_threads=4, interactive_share=0.0
    )
