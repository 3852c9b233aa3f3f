"""Catalog files in a directory of each test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return what writes a catalog file and returns its path."""

    def written(text: str | bytes) -> Path:
        path = tmp_path / "busbar.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return written
