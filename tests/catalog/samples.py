"""A small good catalog to spoil, and what tells how a spoilt one is refused."""

from pathlib import Path

import pytest

from app.catalog import load
from app.domain.errors import CatalogError

PROVIDER = """
[providers.here]
protocol = "openai"
base_url = "http://127.0.0.1:8090/v1"
"""
INSTRUMENT = """
[instruments.text]
input_price = "0.10"
output_price = "0.40"
context_tokens = 1000
output_tokens_max = 500
"""
ROUTE = """
[[routes]]
instrument = "text"
provider = "here"
model = "small"
"""
GOOD = PROVIDER + INSTRUMENT + ROUTE


def refusal(path: Path) -> CatalogError:
    """Return the refusal of a file that must be refused; it names the file first."""
    with pytest.raises(CatalogError) as caught:
        load(path)
    assert caught.value.message.startswith(f"{path}: ")
    assert "\n" not in caught.value.message
    return caught.value


def places(error: CatalogError) -> set[str]:
    """Return the keys at fault."""
    return {fault.where for fault in error.faults}
