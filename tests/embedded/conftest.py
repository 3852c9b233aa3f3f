"""State directories that leave nothing behind, and a running stack to look at."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from app.embedded import Stack, open_stack, reset
from app.embedded.plan import Status


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """Return a state directory that does not exist yet; afterwards nothing of it runs or stays."""
    yield from fresh_state(tmp_path / "state")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Stack]]:
    """Return a running durable stack, and its directory, for tests that only look at it."""
    for path in fresh_state(tmp_path_factory.mktemp("shared") / "state"):
        with open_stack(path) as stack:
            yield path, stack


def fresh_state(path: Path) -> Iterator[Path]:
    """Yield a path, then end what runs there and delete all of its data."""
    yield path
    status = Status.read(path / "status.json")
    if status is not None:  # Told to end, the supervisor does not linger.
        with suppress(ProcessLookupError):
            os.kill(status.supervisor, signal.SIGTERM)
    reset(path)
