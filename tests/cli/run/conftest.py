"""What the tests of `busbar run` share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .gateway_stub import serving
from .running import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder and a gateway of this test's own."""
    with serving() as gateway:
        yield Place(folder=tmp_path, gateway=gateway)
