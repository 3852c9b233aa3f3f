"""`busbar prices` as operators call it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from app.domain.pricing import Price
from app.domain.usage.receipt import version_of

NOWHERE: Final = {"BUSBAR_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}

Busbar = Callable[..., Any]


@pytest.fixture
def priced(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Write a catalog with that input price, and return the variable that names it."""

    def write(price: str) -> dict[str, str]:
        catalog = tmp_path / "busbar.toml"
        catalog.write_text(
            f'[instruments.prime]\ninput_price = "{price}"\noutput_price = "6"\n'
            "context_tokens = 1000\noutput_tokens_max = 100\noutput_tokens_default = 100\n"
            '[providers.p]\nprotocol = "openai"\nbase_url = "http://127.0.0.1:1"\n'
            '[[routes]]\ninstrument = "prime"\nprovider = "p"\nmodel = "m"\n'
        )
        return {"BUSBAR_CATALOG": str(catalog)}

    return write


@pytest.mark.usefixtures("gateway")
def test_prices_are_shown_with_warnings(
    busbar: Busbar, priced: Callable[[str], dict[str, str]]
) -> None:
    """A price typed per token is told on stderr; the table stays data, with and without a book."""
    typed = priced("0.000003")
    for env in (typed, typed | NOWHERE):
        ended = busbar("prices", **env)
        assert ended.returncode == 0
        (row,) = map(json.loads, ended.stdout.splitlines())
        assert (row["input"], row["output"], row["last_input"]) == ("0.000003", "6.00", None)
        assert "busbar: prime: input price 0.000003: less than $0.0001" in ended.stderr
        assert "if it is per token, write 3.00" in ended.stderr


@pytest.mark.usefixtures("gateway")
def test_a_price_has_the_name_it_has_on_receipts(
    busbar: Busbar, priced: Callable[[str], dict[str, str]]
) -> None:
    """Whoever reads a bill can tell which of the catalog's prices it was."""
    (row,) = map(json.loads, busbar("prices", **priced("3")).stdout.splitlines())
    price = Price(input_nanos=3_000_000_000, output_nanos=6_000_000_000)
    assert row["version"] == version_of("prime", price)


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(("price", "code"), [("0.000003", 1), ("3", 0)])
def test_a_warning_may_count_as_a_failure(
    busbar: Busbar, priced: Callable[[str], dict[str, str]], price: str, code: int
) -> None:
    """With --strict a script that checks a catalog learns of it."""
    ended = busbar("prices", "--strict", **priced(price))
    assert (ended.returncode, len(ended.stdout.splitlines())) == (code, 1)
