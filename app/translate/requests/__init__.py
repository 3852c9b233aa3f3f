"""Requests: what a client asks for, in the dialect of the upstream that will answer."""

from collections.abc import Mapping
from typing import Any, Final

from app.domain.dialect import Dialect
from app.translate.reading import Body, Json, envelope
from app.translate.requests.effort import unasked
from app.translate.requests.to_chat import to_chat
from app.translate.requests.to_messages import to_messages


def request(
    body: Mapping[str, Any], source: Dialect, target: Dialect, *, reasoning: bool | None = None
) -> dict[str, Any]:
    """Return a client's request (source) as an upstream (target) expects it.

    In the same dialect it is a copy, unknown fields included; only a role that a Messages upstream
    would refuse is given as one it takes. In the other one, what has no counterpart is dropped or
    put another way, by the table in docs/translation.md. `reasoning` is what the route says of its
    model: how hard to think goes into the other dialect only where it is True, and into none where
    it is False. Nothing a client sends makes it raise. The `model` is left as the client wrote it.
    A Messages request gets no `max_tokens` that was not asked for: its limit is the adapter's.
    """
    asked = envelope(body)
    if source == target:
        same = dict(asked) if target == Dialect.CHAT else _with_known_roles(asked)
        return unasked(same, target) if reasoning is False else same
    turn = to_messages if source == Dialect.CHAT else to_chat
    return turn(asked, reasons=reasoning is True)


def _with_known_roles(asked: Json) -> Body:
    """Copy a Messages request, its turns under roles the vendor's models know."""
    turns = asked.get("messages")
    if not isinstance(turns, list):
        return dict(asked)
    return {**asked, "messages": [_with_known_role(turn) for turn in turns]}


def _with_known_role(turn: Any) -> Any:
    if not isinstance(turn, Mapping) or turn.get("role") in _ROLES:
        return turn
    return {**turn, "role": "system" if turn.get("role") == "developer" else "user"}


_ROLES: Final = ("user", "assistant", "system")

__all__ = ["request"]
