"""Instruments as each vendor lists models, with prices beside: SDKs keep keys they do not know."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from app.domain.dialect import Dialect
from app.domain.instrument import Instrument
from app.domain.money import format_dollars

CREATED_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""A catalog does not say since when an instrument is there; clients want a time that stays."""

OWNER: Final = "busbar"


def view(instrument: Instrument, dialect: Dialect) -> dict[str, Any]:
    """Return an instrument as a model object. Prices are US dollars per million tokens."""
    if dialect is Dialect.MESSAGES:
        shape = {
            "type": "model",
            "id": instrument.name,
            "display_name": _display_name(instrument),
            "created_at": CREATED_AT.isoformat().replace("+00:00", "Z"),
            "lifecycle": "active",
            "max_tokens": instrument.output_tokens_max,
        }
    else:
        shape = {
            "id": instrument.name,
            "object": "model",
            "created": int(CREATED_AT.timestamp()),
            "owned_by": OWNER,
            "display_name": _display_name(instrument),
            "max_output_tokens": instrument.output_tokens_max,
        }
    return shape | {
        "context_window": instrument.context_tokens,
        "max_input_tokens": instrument.context_tokens,
        "input_price": format_dollars(instrument.price.input_nanos),
        "output_price": format_dollars(instrument.price.output_nanos),
    }


def whole_list(found: Sequence[Instrument]) -> dict[str, Any]:
    """Return all instruments as OpenAI's list, which has no pages."""
    return {"object": "list", "data": [view(each, Dialect.CHAT) for each in found]}


def list_page(found: Sequence[Instrument], *, has_more: bool) -> dict[str, Any]:
    """Return a page of instruments as Anthropic's SDKs page through it."""
    return {
        "data": [view(each, Dialect.MESSAGES) for each in found],
        "has_more": has_more,
        "first_id": found[0].name if found else None,
        "last_id": found[-1].name if found else None,
    }


def _display_name(instrument: Instrument) -> str:
    return instrument.name.replace("-", " ").title()
