"""One house for all conformance tests of a session; each test is a customer of its own."""

import uuid
from collections.abc import Iterator

import anthropic
import openai
import pytest

from app.embedded import Stack
from app.services import read
from app.settings import Settings
from tests.factories import Customer
from tests.services.databases import database_of

from .house import PROTOCOLS, House, house_of


@pytest.fixture(scope="session")
def shared_house(
    stack: Stack, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """Submitter, worker and simulator as processes; the doctor looks at the book in the end."""
    assert stack.redis_url is not None
    with database_of(stack, template) as url:
        settings = Settings(
            database_url=url, redis_url=stack.redis_url, redis_prefix=f"sdk:{uuid.uuid4().hex}:"
        )
        with house_of(settings, tmp_path_factory.mktemp("house")) as house:
            yield house
            assert read.examine(house.gateway) == []


@pytest.fixture
def house(shared_house: House) -> House:
    """The house, with a simulator that has seen nothing and has no faults."""
    shared_house.simulator.fresh()
    return shared_house


@pytest.fixture
def customer(house: House) -> Customer:
    """A customer with ten dollars."""
    return house.customer()


@pytest.fixture(params=PROTOCOLS)
def model(request: pytest.FixtureRequest) -> str:
    """An instrument on each upstream protocol in turn."""
    return f"{request.param}-drain"


@pytest.fixture
def chat(house: House, customer: Customer) -> Iterator[openai.OpenAI]:
    """The official OpenAI SDK, with base URL and key and nothing else."""
    with openai.OpenAI(base_url=f"{house.server.url}/v1", api_key=customer.key) as client:
        yield client


@pytest.fixture
def messages(house: House, customer: Customer) -> Iterator[anthropic.Anthropic]:
    """The official Anthropic SDK, with base URL and key and nothing else."""
    with anthropic.Anthropic(base_url=house.server.url, api_key=customer.key) as client:
        yield client
