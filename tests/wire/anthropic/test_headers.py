"""What clients of the Messages API say in headers, carried in one text and read again."""

import pytest

from app.wire.anthropic.headers import carried, told
from app.wire.dialects import VERSIONS


@pytest.mark.parametrize("betas", [None, "a-2025-01-01", "a-2025-01-01,b"])
@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_carried_is_read_again(version: str, betas: str | None) -> None:
    """Every version that is served, with betas and without."""
    assert told(carried(version, betas)) == (version, betas)


def test_betas_alone_are_carried_as_they_came() -> None:
    """Rows of before, and clients that name no version, hold nothing else."""
    assert carried(None, "a,b") == carried("2023-06-01", "a,b") == "a,b"
    assert told("a, b") == ("2023-06-01", "a, b")


def test_nothing_is_carried_as_nothing() -> None:
    """Most clients say nothing that matters."""
    assert carried(None, None) is None
    assert carried("", "") is None
    assert told(None) == ("2023-06-01", None)
