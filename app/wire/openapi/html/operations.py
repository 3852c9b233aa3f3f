"""One section per route: what it takes, what it answers, how it refuses, and a line to try it."""

import json
import shlex
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final
from urllib.parse import quote

from app.wire.openapi.html.shapes import kind
from app.wire.openapi.html.text import block, code, folded, prose, table

ADDRESS: Final = "http://127.0.0.1:8080"
"""Where a gateway answers unless it was told otherwise."""

_KEY: Final = '-H "Authorization: Bearer $BUSBAR_KEY"'
_ALWAYS: Final = ("x-request-id", "request-id")


def operation(method: str, path: str, told: Mapping[str, Any]) -> str:
    """Return the section of one method of one path."""
    key = "No key is needed." if told.get("security") == [] else ""
    parts = [
        f'<h3 id="{escape(told["operationId"])}">{badge(method)} {escape(path)}</h3>',
        f"<p><strong>{escape(told['summary'])}.</strong> {prose(told['description'])} {key}</p>",
        _parameters(told.get("parameters", [])),
        _body(told.get("requestBody")),
        _answers(told["responses"]),
        folded("Example", block(_line(method, path, told)) + _shown(told)),
    ]
    return "".join(parts)


def badge(method: str) -> str:
    """Return the method in its colour."""
    return f'<span class="method {method}">{method.upper()}</span>'


def _parameters(found: list[Mapping[str, Any]]) -> str:
    rows = [
        (
            code(f"{each['name']}[…]" if each.get("style") == "deepObject" else each["name"]),
            each["in"] + (", required" if each.get("required") else ""),
            kind(each["schema"]),
            prose(each["description"] + _default(each["schema"])),
        )
        for each in found
    ]
    head = "<h4>Parameters and headers</h4>" if rows else ""
    return head + table(("name", "in", "type", ""), rows)


def _default(schema: Mapping[str, Any]) -> str:
    return f" Default: `{schema['default']}`." if "default" in schema else ""


def _body(body: Mapping[str, Any] | None) -> str:
    if body is None:
        return ""
    ((media, content),) = body["content"].items()
    what = f"{code(media)}: {kind(content['schema'])}. {prose(body['description'])}"
    return f"<h4>Body</h4><p>{what}</p>"


def _answers(responses: Mapping[str, Any]) -> str:
    rows = [
        (
            code(status),
            prose(answer["description"]),
            "<br>".join(
                f"{code(media)}: {kind(content['schema'])}"
                for media, content in answer.get("content", {}).items()
            ),
            " ".join(code(name) for name in answer["headers"] if name not in _ALWAYS),
        )
        for status, answer in responses.items()
    ]
    return "<h4>Answers</h4>" + table(("status", "", "body", "headers"), rows)


def _line(method: str, path: str, told: Mapping[str, Any]) -> str:
    """Return a line for a shell."""
    at = path
    for each in told.get("parameters", []):
        if each["in"] == "path":
            at = at.replace(f"{{{each['name']}}}", quote(str(each["example"]), safe=""))
    words = ["curl", *_flags(method), f"{ADDRESS}{at}"]
    if told.get("security") != []:
        words.append(_KEY)
    if "requestBody" in told:
        words.append(f"-d {shlex.quote(json.dumps(_first(told['requestBody'])))}")
    return " ".join(words)


def _flags(method: str) -> list[str]:
    return {"get": [], "head": ["-I"]}.get(method, ["-X", method.upper()])


def _shown(told: Mapping[str, Any]) -> str:
    """Return the examples of the good answers; those of errors stand together at the end."""
    return "".join(
        f"<p>{code(status)} {escape(name)}</p>{block(example['value'])}"
        for status, answer in told["responses"].items()
        for name, example in _examples(answer)
    )


def _examples(answer: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for content in answer.get("content", {}).values():
        for name, example in content.get("examples", {}).items():
            if "value" in example:
                yield name, example


def _first(body: Mapping[str, Any]) -> Any:
    ((_, content),) = body["content"].items()
    return next(iter(content["examples"].values()))["value"]
