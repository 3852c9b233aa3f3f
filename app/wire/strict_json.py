"""JSON as we take it from outside: strict, bounded, and refused with one clear sentence."""

import json
import math
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from app.domain.errors import InvalidRequest

DEPTH_MAX: Final = 64
KEY_CHARACTERS_MAX: Final = 100


def parse(raw: bytes) -> Any:
    """Parse a body. Raises InvalidRequest for what RFC 8259 forbids and for what it leaves open.

    Refused are malformed text, NaN and Infinity, repeated keys, nesting deeper than DEPTH_MAX,
    numbers with thousands of digits, and text that is not UTF-8.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The body is not UTF-8 (byte {error.start}).") from None
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest(f"The body is not valid JSON: {error.msg} ({where}).") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise InvalidRequest("The body holds a number with too many digits.") from None
    if raw.count(b"[") + raw.count(b"{") > DEPTH_MAX and _depth(value) > DEPTH_MAX:
        raise _too_deep()
    return value


def parse_object(raw: bytes) -> dict[str, Any]:
    """Parse a body that must be a JSON object. Raises InvalidRequest."""
    value = parse(raw)
    if not isinstance(value, dict):
        raise InvalidRequest("The body must be a JSON object.")
    return value


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level and deepest <= DEPTH_MAX:
        deepest += 1
        level = [inner for outer in level for inner in _inside(outer)]
    return deepest


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return [inner for inner in value.values() if isinstance(inner, dict | list)]
    return [inner for inner in value if isinstance(inner, dict | list)]


def _too_deep() -> InvalidRequest:
    return InvalidRequest(f"The body is nested deeper than {DEPTH_MAX} levels.")


def _no_constant(name: str) -> NoReturn:
    raise InvalidRequest(f"The body holds {name}, which JSON does not know.")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        shown = repeated[:KEY_CHARACTERS_MAX]
        raise InvalidRequest(f"The key {shown!r} is repeated.", param=shown)
    return found


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise InvalidRequest("The body holds a number that is too large.")
    return number


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_no_repeats, parse_constant=_no_constant, parse_float=_finite
)
