"""A good catalog file, and what is made of it."""

import pytest

from app.catalog import load

from .conftest import Write
from .samples import GOOD, INSTRUMENT, PROVIDER, ROUTE


def test_a_good_file_is_taken_with_its_defaults(write: Write) -> None:
    """What may be left out has a default that fits the rest."""
    catalog = load(write(GOOD))
    provider, instrument = catalog.providers["here"], catalog.instruments["text"]
    assert (provider.connect_timeout_s, provider.timeout_s, provider.concurrency) == (5, 600, 400)
    assert provider.api_key_env is None
    assert instrument.output_tokens_default == 500
    assert instrument.specification.quality_min is None
    assert [route.name for route in catalog.routes["text"]] == ["here/small"]


def test_routes_keep_their_order(write: Write) -> None:
    """Routes are tried in the order in which they stand in the file."""
    others = ROUTE.replace("small", "medium") + ROUTE.replace("small", "large")
    catalog = load(write(GOOD + others))
    assert [route.model for route in catalog.routes["text"]] == ["small", "medium", "large"]


def test_a_specification_is_kept(write: Write) -> None:
    """Floors and ceilings are whole or decimal numbers."""
    promised = "[instruments.text.specification]\nquality_min = 18\nttft_max_s = 1.5\n"
    specification = load(write(GOOD + promised)).instruments["text"].specification
    assert (specification.quality_min, specification.ttft_max_s) == (18, 1.5)
    assert specification.throughput_min_tps is None


@pytest.mark.parametrize("asked", ["text", "TEXT", "Text", "tExT"])
@pytest.mark.parametrize("written", ["text", "TEXT", "Text"])
def test_instruments_are_found_in_any_letter_case(write: Write, written: str, asked: str) -> None:
    """Neither the file's spelling nor the client's matters, nor the route's."""
    text = PROVIDER + INSTRUMENT.replace("instruments.text", f"instruments.{written}") + ROUTE
    catalog = load(write(text))
    found = catalog.instrument(asked)
    assert found is not None
    assert found.name == "text"
    assert catalog.routes[found.name]


def test_an_unknown_instrument_is_not_found(write: Write) -> None:
    """What the catalog does not have is None."""
    catalog = load(write(GOOD))
    assert catalog.instrument("text-max") is None
    assert catalog.instrument("") is None
