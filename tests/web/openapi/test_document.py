"""The document: whole, valid, and true of the application that serves it."""

import re
from collections.abc import Iterator
from typing import Any

import falcon.inspect
import jsonschema_rs
import pytest
import schemathesis
from pydantic import BaseModel

from app.domain.dialect import Dialect
from app.domain.errors import BusbarError
from app.web.urls import build as build_app
from app.wire.errors import TABLE, envelope
from app.wire.openapi.document import ROUTES, build
from app.wire.openapi.route import JSON, Route
from app.wire.openapi.shapes.errors import ChatError, MessagesError
from tests.web.api import Api

DOCUMENT = build()
ENVELOPES: dict[Dialect, type[BaseModel]] = {
    Dialect.CHAT: ChatError,
    Dialect.MESSAGES: MessagesError,
}
LABELS = [f"{route.method} {route.path}" for route in ROUTES]


def operation(route: Route) -> dict[str, Any]:
    """Return what the document says of a route."""
    told: dict[str, Any] = DOCUMENT["paths"][route.path][route.method.lower()]
    return told


def walk(value: Any) -> Iterator[Any]:
    """Yield every value within a value, and itself."""
    yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inside:
        yield from walk(each)


def test_it_has_every_route_of_the_application(api: Api) -> None:
    """Paths and methods are those of the real application, none more and none less."""
    routes = falcon.inspect.inspect_routes(build_app(api.gateway))
    served = {
        (re.sub(r":[a-z]+}", "}", route.path), method.method)
        for route in routes
        for method in route.methods
        if not method.internal
    }
    told = {
        (path, method.upper()) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    assert served == told


def test_it_is_valid_openapi() -> None:
    """A tool that reads OpenAPI finds it valid, as version 3.1."""
    read = schemathesis.openapi.from_dict(DOCUMENT)
    read.validate()
    assert DOCUMENT["openapi"] == "3.1.0"
    assert [path for path in read if read[path]] == list(DOCUMENT["paths"])


def test_every_reference_leads_somewhere() -> None:
    """Nothing is referred to that is not there, and nothing is there that nobody refers to."""
    refs = {each["$ref"] for each in walk(DOCUMENT) if isinstance(each, dict) and "$ref" in each}
    there = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "headers", "examples")
        for name in DOCUMENT["components"][kind]
    }
    assert refs == there


def test_every_schema_is_one() -> None:
    """Each shape is valid JSON Schema 2020-12, which OpenAPI 3.1 speaks."""
    assert DOCUMENT["components"]["schemas"]
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema_rs.Draft202012Validator(schema | {"components": DOCUMENT["components"]})


@pytest.mark.parametrize("route", ROUTES, ids=LABELS)
def test_examples_keep_to_their_schemas(route: Route) -> None:
    """Each example of a body and of an answer is what the schema beside it says."""
    told = operation(route)
    bodies = [told["requestBody"]] if "requestBody" in told else []
    for place in (*bodies, *told["responses"].values()):
        for content in place.get("content", {}).values():
            schema = content["schema"] | {"components": DOCUMENT["components"]}
            check = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
            for example in content.get("examples", {}).values():
                check.validate(_value(example))


@pytest.mark.parametrize("route", ROUTES, ids=LABELS)
def test_shapes_leave_nothing_out(route: Route) -> None:
    """What the views really make has the keys of its shape, all of them and no others."""
    for answer in route.answers:
        for content in answer.contents:
            for example in content.examples.values() if content.media == JSON else ():
                assert any(_fits(shape, example) for shape in content.shapes), example


@pytest.mark.parametrize("route", ROUTES, ids=LABELS)
def test_every_error_of_a_route_is_told(route: Route) -> None:
    """Each error stands under its status, in the envelope of the surface, with its code."""
    responses = operation(route)["responses"]
    for error in route.errors:
        for dialect in route.dialects:
            answer = responses[str(TABLE[error].status_on(dialect))]
            if route.method == "HEAD" or "ready" in route.path:
                continue
            assert f"`{error.code}`" in answer["description"]
            assert f"{dialect}.{error.code}" in answer["content"][JSON]["examples"]


@pytest.mark.parametrize("error", TABLE, ids=lambda error: error.__name__)
@pytest.mark.parametrize("dialect", Dialect)
def test_envelopes_are_as_told(error: type[BusbarError], dialect: Dialect) -> None:
    """Whatever error leaves, its body is the shape of its surface."""
    body = envelope(error("Why."), dialect, request_id="req_1")
    assert ENVELOPES[dialect].model_validate(body)


def test_all_but_the_open_doors_want_a_key() -> None:
    """Either header will do, except where none is looked at."""
    assert DOCUMENT["security"] == [{"bearer": []}, {"key": []}]
    for route in ROUTES:
        assert ("security" in operation(route)) is not route.path.startswith("/v1/")


def test_names_of_operations_are_their_own() -> None:
    """Generated clients have a function per operation."""
    names = [route.name for route in ROUTES]
    assert len(set(names)) == len(names)


def _value(example: dict[str, Any]) -> Any:
    if "$ref" in example:
        example = DOCUMENT["components"]["examples"][example["$ref"].rpartition("/")[2]]
    return example["value"]


def _fits(shape: Any, example: Any) -> bool:
    try:
        shape.model_validate(example)
    except ValueError:
        return False
    return True
