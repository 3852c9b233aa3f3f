"""Tolerant, typed reading of JSON that arbitrary clients and servers sent.

Each function returns what it is named for, or the empty value when something else stands there.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

Json = Mapping[str, object]
"""A JSON object of which nothing is known yet."""

Body = dict[str, Any]
"""A JSON object of our own making."""

TOKENS_MAX: Final = 10**12
"""A larger count is nonsense, and some JSON writers cannot write it."""


def envelope(value: object) -> Json:
    """Return what a caller handed in, if it is an object at all; else an empty one."""
    return value if isinstance(value, Mapping) else _NOTHING


def mapping(value: object) -> Json:
    """Return a JSON object, else an empty one."""
    return value if isinstance(value, dict) else _NOTHING


def mappings(value: object) -> list[Json]:
    """Return the objects of a JSON array, else none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """Return a string, else an empty one."""
    return value if isinstance(value, str) else ""


def word(value: object) -> str | None:
    """Return a string that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def words(value: object) -> list[str]:
    """Return the strings of a JSON array that are not empty; a lone string counts as one."""
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, str) and each]


def count(value: object) -> int | None:
    """Return a whole number from 0 to TOKENS_MAX, else None."""
    return value if type(value) is int and 0 <= value <= TOKENS_MAX else None


def number(value: object) -> int | float | None:
    """Return a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def said(fields: Mapping[str, object]) -> Body:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


_NOTHING: Final[Json] = {}
