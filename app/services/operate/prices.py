"""The catalog's prices, looked at before a mistake in them costs somebody money."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.catalog import Catalog
from app.domain.pricing import Price
from app.domain.usage.receipt import version_of
from app.gateway import Gateway
from app.services.operate.sanity import oddities
from app.store.engine import statement
from app.store.operating import overview


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """An instrument's price, at what price its newest job was held, and what is odd about it.

    `version` is the name that receipts have for the price.
    """

    instrument: str
    price: Price
    version: str
    last: Price | None
    oddities: tuple[str, ...]


def last_charged(gateway: Gateway) -> Mapping[str, Price]:
    """Return the price at which each instrument's newest job was held."""
    with statement(gateway.engine) as conn:
        return overview.last_prices(conn)


def quoted(catalog: Catalog, last: Mapping[str, Price]) -> Sequence[Quoted]:
    """Return every price of a catalog, beside what jobs were charged last."""
    return [
        Quoted(
            instrument=name,
            price=instrument.price,
            version=version_of(name, instrument.price),
            last=last.get(name),
            oddities=tuple(oddities(instrument.price, last.get(name))),
        )
        for name, instrument in sorted(catalog.instruments.items())
    ]
