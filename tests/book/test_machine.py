"""Whatever happens in whatever order, the book says what a plain dict says."""

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from app.gateway import Gateway
from tests.book.walk.machine import Book
from tests.book.walk.walker import House
from tests.services.databases import empty

WALKS = 12
STEPS = 30
"""What every run of the tests walks, in some 20 s: always the same walks."""


def test_the_book_agrees_with_the_oracle(
    open_another: Callable[..., Gateway], shared_database: str
) -> None:
    """After every step of every walk: the same lots, jobs, caps and balances, and no finding."""
    thorough = settings.get_current_profile_name() == "thorough"
    profile = settings.get_profile("thorough")
    walked = settings(
        max_examples=profile.max_examples if thorough else WALKS,
        stateful_step_count=profile.stateful_step_count if thorough else STEPS,
        deadline=None,
        derandomize=not thorough,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    house = House(open=open_another, empty=partial(empty, shared_database))
    factory: Any = partial(Book, house)
    run_state_machine_as_test(factory, settings=walked)
