"""What every test of the book begins with: an empty database of its own, and the doctor after it.

The state machine walks further with `--hypothesis-profile=thorough`: some minutes instead of some
seconds, and other walks each time.
"""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from app.embedded import Stack
from app.gateway import Gateway
from app.services import read
from tests.factories import Customer, make_customer
from tests.services.databases import database_of, empty

settings.register_profile("thorough", max_examples=100, stateful_step_count=60)


@pytest.fixture(scope="session")
def shared_database(stack: Stack, template: str) -> Iterator[str]:
    """A database for all tests of the book, which use it one after the other."""
    with database_of(stack, template) as url:
        yield url


@pytest.fixture
def database_url(shared_database: str) -> str:
    """The shared database, without a row."""
    empty(shared_database)
    return shared_database


@pytest.fixture(autouse=True)
def _the_book_is_right(open_another: Callable[..., Gateway]) -> Iterator[None]:
    """After each test the doctor finds nothing wrong, whatever happened in it."""
    yield
    assert read.examine(open_another()) == []


@pytest.fixture
def customer(gateway: Gateway) -> Customer:
    """An account with a key and ten dollars."""
    return make_customer(gateway)
