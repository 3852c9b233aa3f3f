"""What is odd about a price, told before it costs somebody money. Loads nothing of the gateway."""

from collections.abc import Sequence
from typing import Final

from app.catalog import Catalog
from app.domain.money import NANOS_PER_DOLLAR, format_dollars
from app.domain.pricing import TOKENS_PER_PRICE, Price

LEAST_NANOS: Final = NANOS_PER_DOLLAR // 10_000
MOST_NANOS: Final = 1_000 * NANOS_PER_DOLLAR
"""Between $0.0001 and $1,000 per million tokens lie all prices that anybody is known to ask."""

JUMP: Final = 10
"""A price that changed by this factor or more is likely a slip."""


def warnings(catalog: Catalog) -> list[str]:
    """Return a sentence for each price of a catalog that cannot be meant."""
    return [
        f"{name}: {odd}"
        for name, instrument in sorted(catalog.instruments.items())
        for odd in oddities(instrument.price, None)
    ]


def oddities(price: Price, last: Price | None) -> Sequence[str]:
    """Return what is odd about a price, by itself or beside the `last` one that was charged."""
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
    if before is None or nanos == before or JUMP * min(nanos, before) > max(nanos, before):
        return None
    way = "up" if nanos > before else "down"
    told = f"{name} price went {way} from {format_dollars(before)} to {format_dollars(nanos)}"
    if nanos and before:
        told += f", by {max(nanos, before) // min(nanos, before):,} times"
    return f"{told}, since its newest job"
