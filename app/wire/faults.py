"""Pydantic's findings turned into our faults: where, and what, in words a caller can act on."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from app.domain.errors import Fault, InvalidRequest, OutOfRange

M = TypeVar("M", bound=BaseModel)

Found = tuple[Fault, bool]
"""A fault, and whether it is one of range (422) rather than of shape (400)."""

FAULTS_MAX: Final = 10_000
"""Faults that one answer tells, about a megabyte of them; the message has the count of all."""


def checked(shape: type[M], value: Mapping[str, Any]) -> M:
    """Validate `value`. Raises InvalidRequest (wrong shape) or OutOfRange, with every fault."""
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise refusal(faults_of(error)) from None


def faults_of(error: ValidationError, *, index: int | None = None) -> list[Found]:
    """Return each fault."""
    return [
        (
            Fault(where=_where(item["loc"]), what=_what(item), index=index),
            item["type"] in _RANGE,
        )
        for item in error.errors(include_url=False, include_input=False)
    ]


def refusal(found: Sequence[Found]) -> InvalidRequest | OutOfRange:
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
    """Return what is wrong as the rest of a sentence that begins with the field's name."""
    words, given = _WORDS.get(item["type"]), item.get("ctx")
    if words is None or (given is None and "{" in words):
        return str(item["msg"]).removeprefix("Value error, ").replace("Input should", "must", 1)
    return words.format_map(given or {})


_WORDS: Final = {
    "missing": "is required",
    "extra_forbidden": "is not known here",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "literal_error": "must be {expected}",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_long": "may hold at most {max_length} entries, not {actual_length}",
    "too_short": "must hold at least {min_length} entries, not {actual_length}",
    "string_too_long": "may be at most {max_length} characters long",
    "string_too_short": "must be at least {min_length} characters long",
}
"""Our words for the library's types of error, whose own speak of inputs and dictionaries."""

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
