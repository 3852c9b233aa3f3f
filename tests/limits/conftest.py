"""Limiters on the session's Redis, each as a process of its own would have it."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.limiter.limiter import Limiter

from .ordering import Cable, Clock

Open = Callable[..., Limiter]


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
def open_limiter(redis_url: str) -> Iterator[Open]:
    """Open limiters that share one key prefix; `url` leads elsewhere."""
    prefix = f"limits:{uuid.uuid4().hex}:"
    opened: list[Limiter] = []

    def open_one(url: str = "", **options: object) -> Limiter:
        limiter = Limiter(url or redis_url, prefix=prefix, **options)  # type: ignore[arg-type]
        opened.append(limiter)
        return limiter

    yield open_one
    for limiter in opened:
        limiter.close()


@pytest.fixture
def limiter(open_limiter: Open, clock: Clock) -> Limiter:
    """A limiter that goes by the test's clock."""
    return open_limiter(clock=clock)


@pytest.fixture
def cable(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cable]:
    """A way to Redis that can be cut."""
    folder = Path(tmp_path_factory.mktemp("c"))
    laid = Cable(redis_url, folder / "s")
    yield laid
    laid.cut()
