"""What one route takes and answers, as it is written down in `routes`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import BaseModel

from app.domain.dialect import Dialect
from app.domain.errors import BusbarError

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"

Shapes = tuple[type[BaseModel], ...]
"""One of these shapes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter of the path or the query, or a header that is acted on.

    `is_map`: one of the query that is many, as in `metadata[key]=value`.
    """

    name: str
    where: Literal["path", "query", "header"]
    text: str
    schema: Mapping[str, Any]
    example: Any = None
    is_map: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is sent, always as JSON. `examples` have short names."""

    shapes: Shapes
    text: str
    examples: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One form of an answer: JSON in one of the shapes, or text of another media type."""

    media: str = JSON
    shapes: Shapes = ()
    examples: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A good answer; `headers` names those it may have beside the request's id."""

    status: int = 200
    text: str
    contents: tuple[Content, ...] = ()
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path.

    `dialects`: in whose envelopes its errors leave. `is_open`: it needs no key. `refusals`: it may
    answer with any status a provider refuses a request with.
    """

    method: str
    path: str
    name: str
    group: str
    title: str
    text: str
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    answers: tuple[Answer, ...]
    errors: tuple[type[BusbarError], ...]
    dialects: tuple[Dialect, ...] = (Dialect.CHAT,)
    is_open: bool = False
    refusals: bool = False
