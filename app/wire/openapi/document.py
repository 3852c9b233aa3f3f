"""The OpenAPI 3.1 document: every route, from the shapes and tables that requests meet.

Written after the OpenAPI Specification 3.1.1, whose schemas are JSON Schema 2020-12, which is what
pydantic makes of a shape.
"""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from app.wire.openapi.parameters import HEADERS, REQUEST_IDS
from app.wire.openapi.refusals import ENVELOPES, as_examples, refusals
from app.wire.openapi.route import Answer, Body, Content, Parameter, Route, Shapes
from app.wire.openapi.routes import account, calls, house, jobs, stored, usage

ROUTES: Final[Sequence[Route]] = (
    *calls.ROUTES,
    *stored.ROUTES,
    *account.ROUTES,
    *usage.ROUTES,
    *jobs.ROUTES,
    *house.ROUTES,
)

_REF: Final = "#/components/schemas/{model}"
_ABOUT: Final = (
    "A job gateway for LLM completions. Both vendors' surfaces, one key, one balance: point an "
    "unmodified client of OpenAI or Anthropic here. Every answer has `x-request-id` and "
    "`request-id`; errors come in the envelope of their surface. A method that a path does not "
    "take is a 405 with `Allow`, a path that nobody serves a 404."
)

Schemas = dict[type[BaseModel], dict[str, Any]]


class _Untitled(GenerateJsonSchema):
    """Pydantic's schemas without a title per field, which would only repeat its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def build() -> dict[str, Any]:
    """Return the document; each call makes a new one, in some tens of milliseconds."""
    refs, definitions = _schemas(ROUTES)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Busbar", "version": version("busbar"), "description": _ABOUT}
        | {"license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"key": []}],
        "tags": [{"name": group} for group in dict.fromkeys(route.group for route in ROUTES)],
        "paths": _paths(refs),
        "components": {
            "schemas": definitions,
            "headers": {name: _header(name) for name in HEADERS},
            "examples": as_examples(ROUTES),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`Authorization: Bearer bb_live_…`, as OpenAI's clients send.",
                },
                "key": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-api-key",
                    "description": "`x-api-key: bb_live_…`, as Anthropic's clients send.",
                },
            },
        },
    }


def _schemas(routes: Iterable[Route]) -> tuple[Schemas, dict[str, Any]]:
    used: dict[type[BaseModel], None] = dict.fromkeys(ENVELOPES.values())
    for route in routes:
        used |= dict.fromkeys(route.body.shapes if route.body else ())
        for answer in route.answers:
            for content in answer.contents:
                used |= dict.fromkeys(content.shapes)
    refs, whole = models_json_schema(
        [(shape, "validation") for shape in used],
        ref_template=_REF,
        schema_generator=_Untitled,
    )
    # The rest of a reference would stand beside `$ref` wherever a shape is used.
    plain = {shape: {"$ref": refs[shape, "validation"]["$ref"]} for shape in used}
    return plain, whole["$defs"]


def _paths(refs: Schemas) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs)
    return paths


def _operation(route: Route, refs: Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.group],
        "summary": route.title,
        "description": route.text,
    }
    if route.parameters:
        told["parameters"] = [_parameter(each) for each in route.parameters]
    if route.body:
        told["requestBody"] = _body(route.body, refs)
    good = {str(each.status): _answer(each, refs) for each in route.answers}
    told["responses"] = good | _bad(route, good, refs)
    if route.is_open:
        told["security"] = []
    return told


def _bad(route: Route, good: dict[str, Any], refs: Schemas) -> dict[str, Any]:
    """Return the error answers; a status that is documented as a good one stays as it is."""
    found = refusals(route, refs)
    return {status: answer for status, answer in found.items() if status not in good}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.text,
        "schema": dict(parameter.schema),
    }
    if parameter.where == "path":
        told["required"] = True
    if parameter.is_map:
        told |= {"style": "deepObject", "explode": True}
    if parameter.example is not None:
        told["example"] = parameter.example
    return told


def _body(body: Body, refs: Schemas) -> dict[str, Any]:
    media = {"schema": _one_of(body.shapes, refs), "examples": _named(body.examples)}
    return {
        "description": body.text,
        "required": True,
        "content": {"application/json": media},
    }


def _answer(answer: Answer, refs: Schemas) -> dict[str, Any]:
    names = (*REQUEST_IDS, *answer.headers)
    told: dict[str, Any] = {
        "description": answer.text,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }
    if answer.contents:
        told["content"] = {each.media: _content(each, refs) for each in answer.contents}
    return told


def _content(content: Content, refs: Schemas) -> dict[str, Any]:
    schema = _one_of(content.shapes, refs) if content.shapes else _unshaped(content)
    return {"schema": schema} | ({"examples": _named(content.examples)} if content.examples else {})


def _unshaped(content: Content) -> dict[str, Any]:
    return {"type": "object" if content.media == "application/json" else "string"}


def _one_of(shapes: Shapes, refs: Schemas) -> dict[str, Any]:
    return refs[shapes[0]] if len(shapes) == 1 else {"anyOf": [refs[each] for each in shapes]}


def _named(examples: Any) -> dict[str, Any]:
    return {name: {"value": value} for name, value in examples.items()}


def _header(name: str) -> dict[str, Any]:
    text, schema = HEADERS[name]
    told: dict[str, Any] = {"description": text, "schema": dict(schema)}
    return told | ({"required": True} if name in REQUEST_IDS else {})
