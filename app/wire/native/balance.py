"""The balance object. Money is a decimal string of US dollars."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from app.domain.money import format_dollars


class Lot(Protocol):
    """What a lot must tell to be shown."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def source(self) -> str: ...  # noqa: D102
    @property
    def amount_nanos(self) -> int: ...  # noqa: D102
    @property
    def used_nanos(self) -> int: ...  # noqa: D102
    @property
    def held_nanos(self) -> int: ...  # noqa: D102
    @property
    def expires_at(self) -> datetime | None: ...  # noqa: D102
    @property
    def instrument(self) -> str | None: ...  # noqa: D102


def view(
    account_id: str, *, available_nanos: int, held_nanos: int, spent_nanos: int, lots: Iterable[Lot]
) -> dict[str, Any]:
    """Return the balance object."""
    return {
        "object": "balance",
        "account": account_id,
        "currency": "USD",
        "available": format_dollars(available_nanos),
        "held": format_dollars(held_nanos),
        "spent": format_dollars(spent_nanos),
        "lots": [
            {
                "id": lot.id,
                "source": lot.source,
                "amount": format_dollars(lot.amount_nanos),
                "used": format_dollars(lot.used_nanos),
                "held": format_dollars(lot.held_nanos),
                "expires_at": lot.expires_at.isoformat().replace("+00:00", "Z")
                if lot.expires_at
                else None,
                "instrument": lot.instrument,
            }
            for lot in lots
        ],
    }
