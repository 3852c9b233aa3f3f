"""One submitter as a real process, for all tests of this folder."""

from collections.abc import Iterator

import pytest

from app.settings import Settings

from .server import Server, serving


@pytest.fixture(scope="session")
def server(shared_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`busbar serve` as a process of its own, on the database of all these tests."""
    with serving(shared_settings, tmp_path_factory.mktemp("server") / "stderr") as running:
        yield running
