"""The document as one page of HTML: no script, nothing loaded, whole without JavaScript."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from app.wire.openapi.html.operations import badge, operation
from app.wire.openapi.html.shapes import kind, shape
from app.wire.openapi.html.style import CSS
from app.wire.openapi.html.text import block, code, prose, table


def render(document: Mapping[str, Any]) -> str:
    """Return the page."""
    info = document["info"]
    groups = [tag["name"] for tag in document["tags"]]
    sections = "".join(_group(group, document) for group in groups)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(info['title'])} API</title><style>{CSS}</style></head><body>"
        f"<nav>{_contents(groups, document)}</nav><main>"
        f"<h1>{escape(info['title'])} API <span class='dim'>{escape(info['version'])}</span></h1>"
        f"<p>{prose(info['description'])}</p>"
        '<p>For machines: <a href="openapi.json">openapi.json</a>, OpenAPI 3.1.</p>'
        f"{_keys(document)}{sections}{_errors(document)}{_headers(document)}{_shapes(document)}"
        "</main></body></html>"
    )


def _contents(groups: list[str], document: Mapping[str, Any]) -> str:
    lists = "".join(
        f"<h2>{escape(group)}</h2><ul>"
        + "".join(
            f'<li><a href="#{escape(told["operationId"])}" title="{escape(told["summary"])}">'
            f"{badge(method)} {escape(path)}</a></li>"
            for path, method, told in _operations(document)
            if group in told["tags"]
        )
        + "</ul>"
        for group in groups
    )
    rest = "".join(
        f'<li><a href="#{name}">{name.capitalize()}</a></li>'
        for name in ("keys", "errors", "headers", "shapes")
    )
    return f"{lists}<h2>All of them</h2><ul>{rest}</ul>"


def _keys(document: Mapping[str, Any]) -> str:
    schemes = document["components"]["securitySchemes"].values()
    lines = "".join(f"<li>{prose(each['description'])}</li>" for each in schemes)
    return f'<h2 id="keys">Keys</h2><p>Either header, on any path:</p><ul>{lines}</ul>'


def _group(group: str, document: Mapping[str, Any]) -> str:
    return f"<h2>{escape(group)}</h2>" + "".join(
        operation(method, path, told)
        for path, method, told in _operations(document)
        if group in told["tags"]
    )


def _errors(document: Mapping[str, Any]) -> str:
    lines = "".join(
        f"<h3>{escape(name)}</h3><p>{prose(each['summary'])}</p>{block(each['value'])}"
        for name, each in document["components"]["examples"].items()
    )
    return f'<h2 id="errors">Errors</h2><p>Each code in the envelope of each surface.</p>{lines}'


def _headers(document: Mapping[str, Any]) -> str:
    rows = [
        (code(name), kind(each["schema"]), prose(each["description"]))
        for name, each in document["components"]["headers"].items()
    ]
    return f'<h2 id="headers">Headers</h2>{table(("header", "type", ""), rows)}'


def _shapes(document: Mapping[str, Any]) -> str:
    found = document["components"]["schemas"].items()
    return '<h2 id="shapes">Shapes</h2>' + "".join(shape(name, each) for name, each in found)


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            yield path, method, told
