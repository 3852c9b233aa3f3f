"""A route's error answers, from the one table of errors: by status, with the codes behind it."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel

from app.domain.dialect import Dialect
from app.domain.errors import BusbarError
from app.wire.errors import TABLE, headers, reply
from app.wire.openapi.parameters import REQUEST_IDS
from app.wire.openapi.route import JSON, Route
from app.wire.openapi.samples import REQUEST_ID
from app.wire.openapi.shapes.errors import ChatError, MessagesError

ENVELOPES: Final[Mapping[Dialect, type[BaseModel]]] = {
    Dialect.CHAT: ChatError,
    Dialect.MESSAGES: MessagesError,
}
_REFUSED: Final = "4XX"

Errors = list[tuple[type[BusbarError], Dialect]]


def refusals(route: Route, refs: Mapping[type[BaseModel], dict[str, Any]]) -> dict[str, Any]:
    """Return the error answers of a route by status, lowest first."""
    found: dict[str, Errors] = {}
    for error in route.errors:
        for dialect in route.dialects:
            found.setdefault(str(TABLE[error].status_on(dialect)), []).append((error, dialect))
    told = {status: _answer(found[status], refs, route.method) for status in sorted(found)}
    if route.refusals:
        told[_REFUSED] = {
            "description": "The provider refused the request: its own status, and its words.",
            "headers": _headers([]),
            "content": _content(route.dialects, refs),
        }
    return told


def as_examples(routes: Iterable[Route]) -> dict[str, Any]:
    """Return an example of each error on each surface it may leave on."""
    used = {(each, d): None for route in routes for each in route.errors for d in route.dialects}
    return {
        _example_name(error, dialect): {
            "summary": error().message,
            "value": reply(error(), dialect, request_id=REQUEST_ID).body,
        }
        for error, dialect in used
    }


def _answer(
    errors: Errors, refs: Mapping[type[BaseModel], dict[str, Any]], method: str
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": " ".join(
            f"`{error.code}`: {error().message}" for error in dict.fromkeys(e for e, _ in errors)
        ),
        "headers": _headers(errors),
    }
    if method == "HEAD":
        return told
    examples = {
        _example_name(error, dialect): {
            "$ref": f"#/components/examples/{_example_name(error, dialect)}"
        }
        for error, dialect in errors
    }
    content = _content(tuple(dict.fromkeys(dialect for _, dialect in errors)), refs)
    content[JSON]["examples"] = examples
    return told | {"content": content}


def _content(
    dialects: tuple[Dialect, ...], refs: Mapping[type[BaseModel], dict[str, Any]]
) -> dict[str, Any]:
    shapes = [refs[ENVELOPES[dialect]] for dialect in dialects]
    return {JSON: {"schema": shapes[0] if len(shapes) == 1 else {"anyOf": shapes}}}


def _headers(errors: Errors) -> dict[str, Any]:
    told = dict.fromkeys(REQUEST_IDS)
    for error, _ in errors:
        told |= dict.fromkeys(headers(TABLE[error]))
    return {name: {"$ref": f"#/components/headers/{name}"} for name in told}


def _example_name(error: type[BusbarError], dialect: Dialect) -> str:
    return f"{dialect}.{error.code}"
