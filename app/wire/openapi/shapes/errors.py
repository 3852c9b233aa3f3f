"""The two envelopes of errors."""

from typing import Literal

from pydantic import Field

from app.wire.openapi.shapes.base import Exact


class Fault(Exact):
    """One of the things that are wrong."""

    index: int | None
    """The place of the job in `jobs`, where many were sent."""
    where: str
    what: str


class ChatErrorObject(Exact):
    """OpenAI's error object."""

    message: str
    type: str
    param: str | None
    """The field, parameter or header at fault."""
    code: str
    """What happened, in a word that does not change."""
    faults: list[Fault] = Field(default_factory=list)
    """Where several things are wrong: all of them, up to 100."""


class ErrorDetail(Exact):
    """The same in the shape of the seed contract."""

    detail: str
    code: str


class ChatError(Exact):
    """The envelope on chat and on the native paths."""

    error: ChatErrorObject
    errors: ErrorDetail


class MessagesErrorDetails(Exact):
    """What this gateway adds."""

    error_code: str
    """What happened, in a word that does not change."""
    faults: list[Fault] = Field(default_factory=list)
    """Where several things are wrong: all of them, up to 100."""


class MessagesErrorObject(Exact):
    """Anthropic's error object."""

    type: str
    message: str
    details: MessagesErrorDetails


class MessagesError(Exact):
    """The envelope on messages, and on shared paths for clients that send `anthropic-version`."""

    type: Literal["error"]
    error: MessagesErrorObject
    request_id: str
