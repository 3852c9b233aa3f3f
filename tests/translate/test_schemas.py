"""JSON schemas as Anthropic's structured outputs take them."""

import copy
from typing import Any

import pytest
from anthropic import transform_schema

from app.translate import Dialect, request
from app.translate.requests.schema import closed

TEXT = {"type": "string"}
SCHEMAS: dict[str, dict[str, Any]] = {
    "bounds": {"type": "integer", "minimum": 1, "maximum": 10, "description": "A number"},
    "lengths": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^a"},
    "formats": {"type": "string", "format": "date"},
    "odd formats": {"type": "string", "format": "phone"},
    "object": {
        "type": "object",
        "title": "T",
        "properties": {"a": {"type": "number", "exclusiveMinimum": 0}, "b": TEXT},
        "required": ["a"],
        "additionalProperties": TEXT,
    },
    "bare object": {"type": "object"},
    "arrays": {"type": "array", "items": {"type": "object"}, "minItems": 2},
    "short arrays": {"type": "array", "items": TEXT, "minItems": 1},
    "literals": {"enum": ["a", 1, None], "type": "string"},
    "one literal": {"const": "a"},
    "choices": {"oneOf": [TEXT, {"type": "integer", "multipleOf": 2}]},
    "all of": {"allOf": [{"$ref": "#/$defs/A"}], "$defs": {"A": {"type": "object"}}},
    "references": {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string", "maxLength": 3}}},
    "nothing to do": {
        "type": "object",
        "properties": {"a": {"anyOf": [TEXT, {"type": "null"}]}},
        "required": ["a"],
        "additionalProperties": False,
    },
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_becomes_what_the_vendors_sdk_makes_of_it(name: str) -> None:
    """Unsupported words move into descriptions, objects are closed; the original is let be."""
    schema = SCHEMAS[name]
    before = copy.deepcopy(schema)
    assert closed(schema) == transform_schema(copy.deepcopy(schema))
    assert schema == before


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({}, {}),
        ({"properties": {"a": True}}, {"type": "object", "properties": {"a": True}}),
        ({"type": ["string", "null"], "format": "uri"}, {"type": ["string", "null"]}),
        ({"type": "string", "default": "x"}, {"description": "{default: x}"}),
        ({"type": "boolean", "default": False}, {"description": "{default: false}"}),
        ({"definitions": {"A": {"type": "object"}}}, {}),
        ({"$schema": "https://json-schema.org/draft-07/schema#", "type": "null"}, {"type": "null"}),
        ({"type": 7, "properties": 7, "required": 7, "enum": []}, {"type": 7}),
    ],
)
def test_what_the_sdk_refuses_is_put_as_well_as_can_be(schema: Any, told: Any) -> None:
    """Schemas without types, or with several, are not an error of ours."""
    made = closed(schema)
    assert {name: made[name] for name in told} == told


def test_no_depth_is_too_much() -> None:
    """However deep a schema goes, it is rewritten as far as makes sense."""
    schema: dict[str, Any] = {"type": "integer", "minimum": 1}
    for _ in range(20_000):
        schema = {"type": "array", "items": schema}
    assert closed(schema)["items"]["type"] == "array"


def test_only_strict_tools_are_rewritten() -> None:
    """Without strictness a schema is advice, which the vendor takes as it is."""
    loose = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
    tools = [
        {"type": "function", "function": {"name": name, "parameters": loose, "strict": strict}}
        for name, strict in (("a", True), ("b", False))
    ]
    body = {"messages": [{"role": "user", "content": "Hi"}], "tools": tools}
    strict, free = request(body, Dialect.CHAT, Dialect.MESSAGES)["tools"]
    assert strict["input_schema"] == closed(loose)
    assert strict["input_schema"]["additionalProperties"] is False
    assert free["input_schema"] == loose
