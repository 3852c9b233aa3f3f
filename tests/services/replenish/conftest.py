"""A payment service for the tests of replenishment, and gateways that buy there."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from app.gateway import Gateway
from app.services.replenish.policy import set_policy
from tests.factories import Customer, make_customer
from tests.simulator.funding.running import SECRET, FundingServer, funding_of

from .buying import AMOUNT, CAP, THRESHOLD

COOLDOWN_S = 0.05
TIMEOUT_S = 1.0


@pytest.fixture(scope="package")
def running() -> Iterator[FundingServer]:
    """A payment service that asks for a signature."""
    with funding_of("--secret", SECRET) as server:
        yield server


@pytest.fixture
def server(running: FundingServer) -> FundingServer:
    """A payment service that has sold nothing and has no faults."""
    running.fresh()
    return running


@pytest.fixture
def buying(server: FundingServer, open_another: Callable[..., Gateway]) -> Callable[..., Gateway]:
    """Open gateways that buy there, with hardly a cooldown."""

    def open_one(**changes: Any) -> Gateway:
        usual = {
            "funding_url": server.url,
            "funding_secret": SecretStr(SECRET),
            "funding_timeout_s": TIMEOUT_S,
            "replenish_cooldown_s": COOLDOWN_S,
        }
        return open_another(**usual | changes)

    return open_one


@pytest.fixture
def house(buying: Callable[..., Gateway]) -> Gateway:
    """A gateway that buys there."""
    return buying()


@pytest.fixture
def poor(house: Gateway) -> Customer:
    """An account without a cent that replenishes itself."""
    customer = make_customer(house, "0")
    set_policy(
        house,
        customer.account_id,
        threshold_nanos=THRESHOLD,
        amount_nanos=AMOUNT,
        monthly_cap_nanos=CAP,
        actor="tests",
    )
    return customer
