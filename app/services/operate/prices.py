"""The catalog's prices, looked at before a mistake in them costs somebody money."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.catalog import Catalog
from app.domain.money import NANOS_PER_DOLLAR, format_dollars
from app.domain.pricing import TOKENS_PER_PRICE, Price
from app.gateway import Gateway
from app.store.engine import statement
from app.store.operating import overview

LEAST_NANOS: Final = NANOS_PER_DOLLAR // 10_000
MOST_NANOS: Final = 1_000 * NANOS_PER_DOLLAR
"""Between $0.0001 and $1,000 per million tokens lie all prices that anybody is known to ask."""

JUMP: Final = 10
"""A price that changed by this factor or more is likely a slip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """An instrument's price, at what price its newest job was held, and what is odd about it."""

    instrument: str
    price: Price
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
            last=last.get(name),
            oddities=tuple(_oddities(instrument.price, last.get(name))),
        )
        for name, instrument in sorted(catalog.instruments.items())
    ]


def _oddities(price: Price, last: Price | None) -> Sequence[str]:
    pairs = (
        ("input", price.input_nanos, last.input_nanos if last else None),
        ("output", price.output_nanos, last.output_nanos if last else None),
    )
    found = [_sanity(name, nanos) or _jump(name, nanos, before) for name, nanos, before in pairs]
    return [each for each in found if each is not None]


def _sanity(name: str, nanos: int) -> str | None:
    if nanos > MOST_NANOS:
        return f"{name} price {format_dollars(nanos)}: more than $1,000 per million tokens"
    if not 0 < nanos < LEAST_NANOS:
        return None
    told = f"{name} price {format_dollars(nanos)}: less than $0.0001 per million tokens"
    meant = nanos * TOKENS_PER_PRICE
    if LEAST_NANOS <= meant <= MOST_NANOS:
        told += f"; if it is per token, write {format_dollars(meant)}"
    return told


def _jump(name: str, nanos: int, before: int | None) -> str | None:
    if not nanos or not before or JUMP * min(nanos, before) > max(nanos, before):
        return None
    way, factor = ("up", nanos // before) if nanos > before else ("down", before // nanos)
    told = f"{format_dollars(before)} to {format_dollars(nanos)}"
    return f"{name} price went {way} from {told}, by {factor:,} times, since its newest job"
