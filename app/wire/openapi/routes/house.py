"""Paths that need no key: is anybody there, and what is there to ask for."""

from typing import Final

from app.domain.errors import BusbarError
from app.wire.openapi.route import JSON, Answer, Content, Route
from app.wire.openapi.shapes.native import Alive, Hello, Readiness

_GROUP: Final = "Operations"
_GREETING: Final = {"service": "busbar", "status": "ok"}
_READY: Final = {"status": "ok", "checks": {"postgres": "ok", "schema": "ok", "redis": "ok"}}
_UNREADY: Final = {
    "status": "unready",
    "checks": {
        "postgres": "cannot be reached (OperationalError)",
        "schema": "unknown",
        "redis": "ok",
    },
}
_METRICS: Final = 'busbar_jobs_due{lane="interactive"} 0.0\n'
_KEPT: Final = ("ETag", "Cache-Control")
_UNCHANGED: Final = Answer(
    status=304, text="Unchanged since the `If-None-Match` that was sent.", headers=_KEPT
)


def _open(
    path: str, name: str, *, title: str, text: str, answers: tuple[Answer, ...], head: bool = False
) -> tuple[Route, ...]:
    get = Route(
        method="GET",
        path=path,
        name=name,
        group=_GROUP,
        title=title,
        text=text,
        answers=answers,
        errors=(BusbarError,),
        is_open=True,
    )
    if not head:
        return (get,)
    bare = tuple(
        Answer(status=each.status, text="The headers alone.", headers=each.headers)
        for each in answers
    )
    knock = Route(
        method="HEAD",
        path=path,
        name=f"{name}_head",
        group=_GROUP,
        title=f"{title}: the headers alone",
        text=text,
        answers=bare,
        errors=(BusbarError,),
        is_open=True,
    )
    return (get, knock)


def _hello(path: str, name: str) -> tuple[Route, ...]:
    greeting = Answer(
        text="Somebody is here.",
        contents=(Content(shapes=(Hello,), examples={"plain": _GREETING}),),
    )
    return _open(
        path,
        name,
        title="Knock",
        text="Where clients have a connection opened before their first call.",
        answers=(greeting,),
        head=True,
    )


ROUTES: Final = (
    *_hello("/", "hello"),
    *_hello("/api/hello", "api_hello"),
    *_open(
        "/livez",
        "livez",
        title="Is this process alive",
        text="Nothing else is asked.",
        answers=(
            Answer(
                text="It is.",
                contents=(Content(shapes=(Alive,), examples={"plain": {"status": "ok"}}),),
            ),
        ),
    ),
    *_open(
        "/readyz",
        "readyz",
        title="Can this process serve requests",
        text="The database answers and has the schema this code was written for.",
        answers=(
            Answer(
                text="It can; `degraded` while Redis is away.",
                contents=(Content(shapes=(Readiness,), examples={"ready": _READY}),),
            ),
            Answer(
                status=503,
                text="It cannot.",
                contents=(Content(shapes=(Readiness,), examples={"unready": _UNREADY}),),
            ),
        ),
    ),
    *_open(
        "/metrics",
        "metrics",
        title="Counters and gauges for Prometheus",
        text="Those of this process, and what the database tells.",
        answers=(
            Answer(
                text="Prometheus' text format.",
                contents=(Content(media="text/plain", examples={"plain": _METRICS}),),
            ),
        ),
    ),
    *_open(
        "/openapi.json",
        "openapi",
        title="This document",
        text="OpenAPI 3.1, made from the shapes requests are checked with.",
        answers=(
            Answer(
                text="The document.",
                contents=(Content(media=JSON),),
                headers=_KEPT,
            ),
            _UNCHANGED,
        ),
        head=True,
    ),
    *_open(
        "/docs",
        "docs",
        title="This document, to be read",
        text="One page of HTML; nothing is loaded from anywhere.",
        answers=(
            Answer(
                text="The page.",
                contents=(Content(media="text/html"),),
                headers=_KEPT,
            ),
            _UNCHANGED,
        ),
        head=True,
    ),
)
