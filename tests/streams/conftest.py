"""Both ends of streams on the session's Valkey."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from app.broker import Broker
from app.streams.reading import StreamReader
from app.streams.writing import StreamWriter
from tests.limits.ordering import Cable

T = TypeVar("T")


@pytest.fixture
def prefix() -> str:
    """A key prefix of this test's own."""
    return f"test:{uuid.uuid4().hex}:"


@pytest.fixture
def reader(redis_url: str, prefix: str) -> StreamReader:
    """The submitter's end."""
    return StreamReader(Broker(redis_url, prefix=prefix))


@pytest.fixture
def write(redis_url: str, prefix: str) -> Callable[..., T]:
    """Run a coroutine with the worker's end, on a loop of its own."""

    @asynccontextmanager
    async def opened(url: str) -> AsyncIterator[StreamWriter]:
        writer = StreamWriter(url, prefix=prefix)
        yield writer
        await writer.close()

    def run(work: Callable[[StreamWriter], Awaitable[T]], url: str = redis_url) -> T:
        async def main() -> T:
            async with opened(url) as writer:
                return await work(writer)

        return asyncio.run(main())

    return run


@pytest.fixture
def cable(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cable]:
    """A way to Redis that can be cut."""
    laid = Cable(redis_url, Path(tmp_path_factory.mktemp("c")) / "s")
    yield laid
    laid.cut()
