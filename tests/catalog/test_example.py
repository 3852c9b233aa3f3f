"""The example catalog, which every first run is served by."""

from itertools import product
from pathlib import Path

import pytest

from app.catalog import EXAMPLE, Catalog, load

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("text", "code", "agent")
GRADES = ("standard", "prime", "max")


@pytest.fixture(scope="module")
def example() -> Catalog:
    """Return the example catalog."""
    return load(EXAMPLE)


@pytest.mark.parametrize("name", ["busbar.example.toml", "examples/prompts.jsonl"])
def test_what_people_copy_is_what_is_installed(name: str) -> None:
    """The files at the root and those in the package are the same: `cp` the one you changed."""
    copy = ROOT / name
    assert copy.read_bytes() == (EXAMPLE.parent / copy.name).read_bytes()


def test_the_example_has_the_nine_instruments(example: Catalog) -> None:
    """Text, code and agent, each standard, prime and max."""
    assert set(example.instruments) == {f"{kind}-{grade}" for kind, grade in product(KINDS, GRADES)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_better_grade_costs_more(example: Catalog, kind: str) -> None:
    """Prices rise from standard to max, and output costs more than input."""
    prices = [example.instruments[f"{kind}-{grade}"].price for grade in GRADES]
    assert prices == sorted(prices, key=lambda price: (price.input_nanos, price.output_nanos))
    assert all(0 < price.input_nanos < price.output_nanos for price in prices)


def test_every_instrument_has_somewhere_else_to_go(example: Catalog) -> None:
    """Each instrument has routes to two providers, so that one may fail."""
    for name in example.instruments:
        assert len({route.provider for route in example.routes[name]}) == 2


def test_limits_fit_into_the_context(example: Catalog) -> None:
    """No instrument promises more output than its context holds, nor less than its default."""
    for each in example.instruments.values():
        assert 1 <= each.output_tokens_default <= each.output_tokens_max <= each.context_tokens


def test_prices_are_whole_nano_dollars(example: Catalog) -> None:
    """The price "0.10" per million tokens is 100,000,000 nano-dollars."""
    price = example.instruments["text-standard"].price
    assert (price.input_nanos, price.output_nanos) == (100_000_000, 400_000_000)


def test_the_example_needs_no_key(example: Catalog) -> None:
    """The simulator wants none, so nothing has to be set; how to name a variable is shown."""
    assert not any(provider.api_key_env for provider in example.providers.values())
    assert '# api_key_env = "' in EXAMPLE.read_text()
