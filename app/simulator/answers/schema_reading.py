"""What a JSON schema says, read leniently: kinds, bounds and parts put together."""

import math
from collections.abc import Mapping
from typing import Final, TypeAlias

Schema: TypeAlias = Mapping[str, object]

RANGE: Final = 1_000  # of a number whose schema leaves a side open
KINDS: Final = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})


class Unfit(Exception):
    """No value was found that fits the schema."""


def kind(schema: Schema, *, roomy: bool) -> str:
    """Choose the type of the value; without room, null wherever it is allowed."""
    given = schema.get("type")
    named = given if isinstance(given, list) else [given]
    if "null" in named and (not roomy or len(named) == 1):
        return "null"
    for name in named:
        if name is None:
            return _implied(schema)
        if not isinstance(name, str) or name not in KINDS:
            raise Unfit(f"The schema names an unknown type, {str(name)[:100]!r}.")
        if name != "null":
            return name
    return _implied(schema)


def bounds(schema: Schema, *, whole_only: bool) -> tuple[float, float, float]:
    """Return the lowest and highest number allowed, and the step between numbers."""
    low, high = _number(schema.get("minimum")), _number(schema.get("maximum"))
    above, below = _number(schema.get("exclusiveMinimum")), _number(schema.get("exclusiveMaximum"))
    step = _number(schema.get("multipleOf")) or 1
    edge = step if whole_only or "multipleOf" in schema else 0
    if above is not None:
        lifted = step * (math.floor(above / step) + 1) if edge else above
        low = lifted if low is None else max(low, lifted)
    if below is not None:
        lowered = step * (math.ceil(below / step) - 1) if edge else below
        high = lowered if high is None else min(high, lowered)
    if low is None:
        low = 0 if high is None or high >= 0 else high - RANGE
    return low, low + RANGE if high is None else high, step


def merged(one: Schema, other: Schema) -> Schema:
    """Put two schemas together that must both hold."""
    both = {**one, **other}
    for key in ("properties", "$defs"):
        first, second = one.get(key), other.get(key)
        if isinstance(first, dict) and isinstance(second, dict):
            both[key] = {**first, **second}
    first, second = one.get("required"), other.get("required")
    if isinstance(first, list) and isinstance(second, list):
        both["required"] = [*first, *second]
    return both


def plainest(members: list[Schema]) -> Schema:
    """Choose the alternative least likely to lead deeper."""
    return min(members, key=_weight)


def required(schema: Schema) -> list[str]:
    """Return the names of the properties that must be there."""
    names = schema.get("required")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def whole(given: object, default: int) -> int:
    """Return a count that the schema gives, or the default where it gives none."""
    return given if isinstance(given, int) and not isinstance(given, bool) else default


def _implied(schema: Schema) -> str:
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _weight(schema: Schema) -> int:
    given = schema.get("type")
    if given == "null":
        return 0
    nested = {"$ref", "anyOf", "oneOf", "properties"} & schema.keys()
    return 2 if nested or given in ("object", "array") else 1


def _number(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        return None
    return given
