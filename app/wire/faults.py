"""Pydantic's findings turned into our faults: where, and what, in words a caller can act on."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from app.domain.errors import Fault, InvalidRequest, OutOfRange

M = TypeVar("M", bound=BaseModel)

FAULTS_MAX: Final = 100


def checked(shape: type[M], value: Mapping[str, Any]) -> M:
    """Validate `value`. Raises InvalidRequest (wrong shape) or OutOfRange, with every fault."""
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise refusal(faults_of(error)) from None


def faults_of(error: ValidationError, *, index: int | None = None) -> list[tuple[Fault, bool]]:
    """Return each fault and whether it is one of range (422) rather than of shape (400)."""
    return [
        (
            Fault(where=_where(item["loc"]), what=_what(item), index=index),
            item["type"] in _RANGE,
        )
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def refusal(found: Sequence[tuple[Fault, bool]]) -> InvalidRequest | OutOfRange:
    """Return the error that tells all faults at once: one of range only if all of them are."""
    faults = tuple(fault for fault, _ in found[:FAULTS_MAX])
    first = faults[0]
    place = first.where if first.index is None else f"jobs[{first.index}].{first.where}".rstrip(".")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    kind = OutOfRange if all(in_range for _, in_range in found) else InvalidRequest
    return kind(f"{place}: {first.what}{more}", param=first.where, faults=faults)


def _where(loc: Sequence[int | str]) -> str:
    # Pydantic names the branch of a union ("list[str]", "str"); callers know only their own fields.
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in ("str", "dict") and part.replace("_", "").isalnum():
            path += f".{part}" if path else part
    return path


def _what(item: Mapping[str, Any]) -> str:
    return "is required" if item["type"] == "missing" else str(item["msg"]).lower()


_RANGE: Final = frozenset(
    {
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "too_long",
        "too_short",
        "string_too_long",
        "string_too_short",
        "literal_error",
        "finite_number",
    }
)
