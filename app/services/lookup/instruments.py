"""The catalog's instruments as clients ask for them: one, or a page."""

from collections.abc import Sequence

from app.domain.errors import InvalidRequest, ModelNotFound
from app.domain.instrument import Instrument
from app.gateway import Gateway


def every(gateway: Gateway) -> Sequence[Instrument]:
    """Return all instruments in the catalog's order."""
    return tuple(gateway.catalog.instruments.values())


def find(gateway: Gateway, name: str) -> Instrument:
    """Return the instrument of that name, in any letter case. Raises ModelNotFound."""
    instrument = gateway.catalog.instrument(name)
    if instrument is None:
        message = f"The model {name!r} does not exist; GET /v1/models lists what does."
        raise ModelNotFound(message, param="model")
    return instrument


def page(
    gateway: Gateway, *, after: str | None, before: str | None, limit: int
) -> tuple[Sequence[Instrument], bool]:
    """Return up to `limit` instruments next to a name, and whether there are more on that side.

    Raises InvalidRequest for a name the catalog does not have.
    """
    found = every(gateway)
    if before is not None:
        end = _place(found, before, "before_id")
        start = max(0, end - limit)
        return found[start:end], start > 0
    start = _place(found, after, "after_id") + 1 if after is not None else 0
    return found[start : start + limit], start + limit < len(found)


def _place(found: Sequence[Instrument], name: str, param: str) -> int:
    names = [instrument.name for instrument in found]
    if name.lower() not in names:
        raise InvalidRequest(f"{param}: no model of that id", param=param)
    return names.index(name.lower())
