"""Stored completions on the wire: the answer once more, with the pairs that hang on it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from pydantic import BaseModel, ConfigDict

from app.domain.errors import InvalidRequest, NotFound
from app.domain.ids import suffix
from app.wire.faults import checked
from app.wire.metadata import Metadata

PREFIX: Final = "chatcmpl-"


class Stored(Protocol):
    """What a stored completion must tell to be shown."""

    @property
    def job_id(self) -> str: ...  # noqa: D102
    @property
    def metadata(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def answer(self) -> bytes: ...  # noqa: D102


class Update(BaseModel):
    """The new pairs; null takes them all away."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    metadata: Metadata | None


def read_update(body: Mapping[str, Any]) -> Update:
    """Validate an update. Raises InvalidRequest or OutOfRange with every fault."""
    return checked(Update, body)


def completion_id(job_id: str) -> str:
    """Return the id under which a job's answer went out."""
    return f"{PREFIX}{suffix(job_id)}"


def job_id_of(identifier: str, *, param: str = "id") -> str:
    """Return the id of the job behind a completion. Raises NotFound for what is no such id."""
    if not identifier.startswith(PREFIX):
        message = f"No completion {identifier!r}; their ids begin with {PREFIX}."
        raise NotFound(message, param=param)
    return f"job_{identifier.removeprefix(PREFIX)}"


def view(stored: Stored) -> dict[str, Any]:
    """Return the completion object."""
    answer: dict[str, Any] = json.loads(stored.answer)
    return answer | {"id": completion_id(stored.job_id), "metadata": dict(stored.metadata)}


def deleted(identifier: str) -> dict[str, Any]:
    """Return what says that a completion is gone."""
    return {"object": "chat.completion.deleted", "id": identifier, "deleted": True}


def list_page(found: Sequence[Stored], *, has_more: bool) -> dict[str, Any]:
    """Return a page of completions."""
    return _page([view(stored) for stored in found], has_more=has_more)


def messages_page(
    identifier: str, request: bytes, *, after: str | None, limit: int, is_newest_first: bool
) -> dict[str, Any]:
    """Return a page of the messages a completion answers; each has an id of its own.

    Raises InvalidRequest when `after` is none of them.
    """
    messages: list[dict[str, Any]] = [
        _message(f"{identifier}-{number}", message)
        for number, message in enumerate(json.loads(request)["messages"])
    ]
    if is_newest_first:
        messages.reverse()
    start = 0
    if after is not None:
        ids = [message["id"] for message in messages]
        if after not in ids:
            raise InvalidRequest("after: no message of that id", param="after")
        start = ids.index(after) + 1
    return _page(messages[start : start + limit], has_more=start + limit < len(messages))


def _message(identifier: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """Show a message as the vendor's stored ones: parts stand beside the content, not in it."""
    content = message.get("content")
    parts = content if isinstance(content, list) else None
    plain = {"content": None if parts is not None else content, "content_parts": parts}
    return {"id": identifier, **message, **plain}


def _page(data: Sequence[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    return {
        "object": "list",
        "data": data,
        "has_more": has_more,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }
