"""JSON schemas as people read them: a type in a few words, a table of an object's fields."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final

from app.wire.openapi.html.text import code, prose, table

_WORDS: Final = {"string": "text", "integer": "integer", "number": "number", "boolean": "boolean"}
_BOUNDS: Final = (("minimum", "maximum", ""), ("minLength", "maxLength", " characters"))
_MANY: Final = (("minItems", "maxItems", ""), ("minProperties", "maxProperties", ""))


def shape(name: str, schema: Mapping[str, Any]) -> str:
    """Return the section of a named shape."""
    told = f'<h3 id="shape-{escape(name)}">{escape(name)}</h3><p>{prose(_about(schema))}</p>'
    if "properties" not in schema:
        return told + f"<p>{kind(schema)}</p>"
    required = schema.get("required", ())
    rows = [
        (code(field), kind(inner), "yes" if field in required else "", prose(_about(inner)))
        for field, inner in schema["properties"].items()
    ]
    more = "<p>Other keys are kept.</p>" if schema.get("additionalProperties") is True else ""
    return told + table(("field", "type", "required", ""), rows) + more


def kind(schema: Mapping[str, Any]) -> str:
    """Return a type in a few words; shapes that have a name are linked."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#shape-{name}">{name}</a>'
    if "const" in schema:
        return code(schema["const"])
    if "enum" in schema:
        return " or ".join(map(code, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(map(kind, schema["anyOf"]))
    told = schema.get("type")
    if told == "array":
        return f"list of {kind(schema.get('items', {}))}{_bounds(schema, _MANY)}"
    if told == "object":
        return _object(schema)
    if told == "string" and "format" in schema:
        return str(escape(schema["format"]))
    return _WORDS.get(told or "", str(told or "anything")) + _bounds(schema, _BOUNDS)


def _object(schema: Mapping[str, Any]) -> str:
    values = schema.get("additionalProperties")
    pairs = f" of {kind(values)}" if isinstance(values, Mapping) else ""
    return f"object{pairs}{_bounds(schema, _MANY)}"


def _bounds(schema: Mapping[str, Any], names: tuple[tuple[str, str, str], ...]) -> str:
    for low, high, unit in names:
        least, most = schema.get(low), schema.get(high)
        if least is not None and most is not None:
            return f", {least:,} to {most:,}{unit}"
        if most is not None:
            return f", at most {most:,}{unit}"
        if least is not None:
            return f", at least {least:,}{unit}"
    return ""


def _about(schema: Mapping[str, Any]) -> str:
    told = str(schema.get("description", "")).partition("\n\n")[0]
    if schema.get("default") is not None:
        told = f"{told} Default: `{schema['default']}`.".strip()
    return told
