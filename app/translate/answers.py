"""Whole answers: translated, and cut back into streams."""

from collections.abc import Mapping
from typing import Any

from app.domain.dialect import Dialect
from app.translate.chat import cutting as chat
from app.translate.crossing import NO_NAMES, Asked, crossing
from app.translate.messages import cutting as messages
from app.translate.reading import envelope


def answer(
    body: Mapping[str, Any],
    source: Dialect,
    target: Dialect,
    *,
    id: str,  # noqa: A002 - the word both dialects have for it
    model: str,
    created: int = 0,
    names: Mapping[str, str] = NO_NAMES,
) -> dict[str, Any]:
    """Return a whole answer of an upstream (source) as its client (target) expects it.

    In the same dialect it is a copy under the gateway's `id` and `model`, unknown fields included.
    `created`, in seconds since the epoch, is what a chat client reads of a message, which has no
    such field. `names` are the `tool_names` of the request: the client's, under which tools leave.
    Nothing an upstream sends makes it raise.
    """
    if source == target:
        return {**envelope(body), "id": id, "model": model}
    asked = Asked(id=id, model=model, created=created, include_usage=True, names=names)
    way = crossing(source, asked)
    return way.read(envelope(body))


def events(
    body: Mapping[str, Any], dialect: Dialect, *, include_usage: bool
) -> list[dict[str, Any]]:
    """Return a whole answer as the stream events of its own dialect, without the terminal event.

    For clients that asked for a stream of what was not streamed upstream.
    """
    if dialect == Dialect.CHAT:
        return chat.cut(envelope(body), include_usage=include_usage)
    return messages.cut(envelope(body))
