"""Many callers who wait at once cost no connections."""

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from app.gateway import Gateway, open_gateway
from app.settings import Settings
from app.store.engine import statement

from .api import open_api
from .carrier import Gate, carrying
from .polling import BOUND_S, eventually

CALLERS = 200
POOL = 2


@pytest.fixture
def web(settings: Settings) -> Iterator[Gateway]:
    """A submitter with a pool of two connections, told apart by its name."""
    gateway = open_gateway(settings.model_copy(update={"pool_size": POOL}), name="waited for")
    yield gateway
    gateway.close()


def connections(gateway: Gateway) -> int:
    """Count the submitter's connections to the database."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'busbar waited for'"
    with statement(gateway.engine) as conn:
        return int(conn.execute(text(query)).scalar_one())


def test_two_hundred_callers_wait_on_two_connections(web: Gateway, gateway: Gateway) -> None:
    """All wait through one Redis listener and a pool of two, and each gets its own answer."""
    api = open_api(web, "100")
    answered: dict[int, str] = {}

    def call(number: int) -> None:
        result = api.chat(f"{number}")
        answered[number] = result.json["choices"][0]["message"]["content"]

    callers = [threading.Thread(target=call, args=(number,)) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    gate = Gate()
    with carrying(gateway, api.customer.account_id, gate):
        gate.begun()
        eventually(lambda: len(web.wakeups._waiting) == CALLERS)
        assert web.broker.client.pubsub_numsub(web.broker.results_channel)[0][1] == 1
        assert connections(gateway) <= POOL
        gate.open()
        for caller in callers:
            caller.join(BOUND_S)
    assert answered == {number: f"re: {number}" for number in range(CALLERS)}
