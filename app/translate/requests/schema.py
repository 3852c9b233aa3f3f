"""JSON schemas: whether OpenAI takes one in strict mode, and one as Anthropic takes it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from app.translate.reading import Body, Json, mapping, text

DEPTH_MAX: Final = 64
"""Schemas inside schemas are rewritten down to here; what is deeper is left as it is."""


def is_strict(schema: Json) -> bool:
    """True when every object names all its properties as required and allows no others.

    Source: "Structured Outputs", supported schemas, in OpenAI's documentation. A schema that is
    not of this form is refused in strict mode, and is sent without it.
    """
    left: list[object] = [schema]
    if not _is_object(schema):
        return False
    while left:
        value = left.pop()
        if isinstance(value, list):
            left.extend(value)
        elif isinstance(value, dict):
            if value.keys() & _REFUSED or (_is_object(value) and not _is_closed(value)):
                return False
            left.extend(value.values())
    return True


def closed(schema: Json, *, depth: int = 0) -> Body:
    """Return a schema as Anthropic's structured outputs take it.

    Objects allow nothing beyond their properties; what is not supported (bounds of numbers and
    lengths, patterns, defaults, …) is said in the description instead, where the model may heed
    it. Source: "Structured outputs", JSON schema limitations, in the Claude documentation, and
    `transform_schema` of the vendor's SDK, which does the same to the schemas it sends.
    """
    if depth >= DEPTH_MAX:
        return dict(schema)
    left = {name: value for name, value in schema.items() if name not in _SAYS_NOTHING}
    told: Body = {
        name: _each_closed(mapping(left.pop(name)), depth)
        for name in ("$defs", "definitions")
        if isinstance(left.get(name), dict)
    }
    if isinstance(reference := left.get("$ref"), str):
        return {**told, "$ref": reference}
    literal = _literal(left)
    kind = left.pop("type", None) or ("object" if "properties" in left else None)
    told |= literal or _variants(left, depth) or ({} if kind is None else {"type": kind})
    told |= {name: left.pop(name) for name in ("description", "title") if text(left.get(name))}
    if not literal:
        told |= _contents(left, kind if isinstance(kind, list) else [kind], depth)
    return {**told, **_described(told, left)}


def _is_object(schema: Json) -> bool:
    named = schema.get("type")
    return named == "object" or (isinstance(named, list) and "object" in named)


def _is_closed(schema: Json) -> bool:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        return False
    all_required = all(name in required for name in properties)
    return all_required and schema.get("additionalProperties") is False


def _inner(schema: Any, depth: int) -> Any:
    return closed(schema, depth=depth + 1) if isinstance(schema, dict) else schema


def _each_closed(schemas: Json, depth: int) -> Body:
    return {name: _inner(schema, depth) for name, schema in schemas.items()}


def _literal(left: Body) -> Body:
    """Take out the values that are allowed one by one; they go without a type."""
    values = left.get("enum")
    told: Body = {}
    if isinstance(values, list) and values and not any(map(_holds_others, values)):
        told["enum"] = left.pop("enum")
    if "const" in left and not _holds_others(left["const"]):
        told["const"] = left.pop("const")
    return told


def _holds_others(value: object) -> bool:
    return isinstance(value, dict | list)


def _variants(left: Body, depth: int) -> Body:
    """Take out the schemas of which one, or all, must hold; `oneOf` is taken as `anyOf`."""
    for name, new in (("anyOf", "anyOf"), ("oneOf", "anyOf"), ("allOf", "allOf")):
        if isinstance(left.get(name), list):
            return {new: [_inner(variant, depth) for variant in left.pop(name)]}
    return {}


def _contents(left: Body, kinds: list[object], depth: int) -> Body:
    """Take out what is said of the contents of an object, of an array, or of a text."""
    told: Body = {}
    if "object" in kinds:
        properties = left.pop("properties", None)
        told["properties"] = _each_closed(mapping(properties), depth)
        left.pop("additionalProperties", None)
        told["additionalProperties"] = False
        if isinstance(left.get("required"), list):
            told["required"] = left.pop("required")
    if "array" in kinds:
        if "items" in left:
            told["items"] = _inner(left.pop("items"), depth)
        if left.get("minItems") in (0, 1):
            told["minItems"] = left.pop("minItems")
    if "string" in kinds and left.get("format") in _FORMATS:
        told["format"] = left.pop("format")
    return told


def _described(told: Mapping[str, Any], left: Body) -> Body:
    """Put into words what is left over."""
    if not left:
        return {}
    rest = ", ".join(f"{name}: {_shown(value)}" for name, value in left.items())
    lines = [text(told.get("description")), f"{{{rest}}}"]
    return {"description": "\n\n".join(line for line in lines if line)}


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "…"


_REFUSED: Final = frozenset(
    {"allOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas"}
)
_SAYS_NOTHING: Final = frozenset({"$schema", "$id", "$comment"})
_FORMATS: Final = (
    *("date-time", "time", "date", "duration", "email"),
    *("hostname", "uri", "ipv4", "ipv6", "uuid"),
)
