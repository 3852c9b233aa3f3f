"""Requests: what a client asks for, in the dialect of the upstream that will answer."""

from collections.abc import Mapping
from typing import Any

from app.domain.dialect import Dialect
from app.translate.reading import envelope
from app.translate.requests.to_chat import to_chat
from app.translate.requests.to_messages import to_messages


def request(body: Mapping[str, Any], source: Dialect, target: Dialect) -> dict[str, Any]:
    """Return a client's request (source) as an upstream (target) expects it.

    In the same dialect it is a copy, unknown fields included. In the other one, what has no
    counterpart is dropped or put another way, by the table in docs/translation.md. Nothing a
    client sends makes it raise. The `model` is left as the client wrote it.
    """
    asked = envelope(body)
    if source == target:
        return dict(asked)
    return to_messages(asked) if source == Dialect.CHAT else to_chat(asked)


__all__ = ["request"]
