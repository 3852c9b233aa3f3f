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
    def is_expired(self) -> bool: ...  # noqa: D102
    @property
    def instrument(self) -> str | None: ...  # noqa: D102
    @property
    def tokens(self) -> int | None: ...  # noqa: D102
    @property
    def tokens_left(self) -> int | None: ...  # noqa: D102


def view(
    account_id: str,
    *,
    available_nanos: int,
    held_nanos: int,
    spent_nanos: int,
    lots: Iterable[Lot],
    adjusted_nanos: int = 0,
    expired_nanos: int = 0,
    next_expires_at: datetime | None = None,
) -> dict[str, Any]:
    """Return the balance object.

    What an expired lot has left is shown as expired, and nowhere as available.
    """
    return {
        "object": "balance",
        "account": account_id,
        "currency": "USD",
        "available": format_dollars(available_nanos),
        "held": format_dollars(held_nanos),
        "spent": format_dollars(spent_nanos),
        "adjusted": format_dollars(adjusted_nanos),
        "expired": format_dollars(expired_nanos),
        "next_expiry": _time(next_expires_at),
        "lots": [_lot(lot) for lot in lots],
    }


def _lot(lot: Lot) -> dict[str, Any]:
    left = lot.amount_nanos - lot.used_nanos - lot.held_nanos
    tokens = {"total": lot.tokens, "remaining": 0 if lot.is_expired else lot.tokens_left}
    return {
        "id": lot.id,
        "source": lot.source,
        "amount": format_dollars(lot.amount_nanos),
        "used": format_dollars(lot.used_nanos),
        "held": format_dollars(lot.held_nanos),
        "remaining": format_dollars(0 if lot.is_expired else left),
        "expired": format_dollars(left if lot.is_expired else 0),
        "expires_at": _time(lot.expires_at),
        "instrument": lot.instrument,
        "tokens": tokens if lot.tokens is not None else None,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
