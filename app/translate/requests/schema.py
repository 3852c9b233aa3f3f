"""JSON schemas: whether OpenAI takes one in strict mode."""

from typing import Final

from app.translate.reading import Json


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


def _is_object(schema: Json) -> bool:
    named = schema.get("type")
    return named == "object" or (isinstance(named, list) and "object" in named)


def _is_closed(schema: Json) -> bool:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        return False
    all_required = all(name in required for name in properties)
    return all_required and schema.get("additionalProperties") is False


_REFUSED: Final = frozenset(
    {"allOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas"}
)
