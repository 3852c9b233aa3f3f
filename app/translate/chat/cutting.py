"""A whole chat completion cut into the chunks that stand for it."""

from typing import Final

from app.translate.reading import Body, Json, mapping, mappings, word


def cut(body: Json, *, include_usage: bool) -> list[Body]:
    """Return the chunks, the usage chunk last when it is wanted and known."""
    head = {name: value for name, value in body.items() if name not in _APART}
    head["object"] = "chat.completion.chunk"
    nothing = {"usage": None} if include_usage else {}
    chunks = [
        {**head, "choices": [piece], **nothing}
        for at, choice in enumerate(mappings(body.get("choices")))
        for piece in _pieces({"index": at, **choice})
    ]
    report = mapping(body.get("usage"))
    if include_usage and report:
        chunks.append({**head, "choices": [], "usage": report})
    return chunks


def _pieces(choice: Json) -> list[Body]:
    """Cut one choice: who speaks, what was thought and said, the calls, the end."""
    message = mapping(choice.get("message"))
    streamed = {name: word(message.get(name)) for name in _STREAMED}
    rest = {name: value for name, value in message.items() if name not in _STREAMED}
    calls = _numbered(rest)
    rest = {"role": "assistant", **rest, **{name: _empty(message, name) for name in _said(message)}}
    deltas: list[Body] = [rest]
    deltas += [{name: value} for name, value in streamed.items() if value is not None]
    deltas += [{"tool_calls": [call]} for call in calls]
    index, ended = choice.get("index"), choice.get("finish_reason")
    pieces = [{"index": index, "delta": delta, "finish_reason": None} for delta in deltas]
    fields = {name: value for name, value in choice.items() if name not in _OF_A_CHOICE}
    return [*pieces, {**fields, "index": index, "delta": {}, "finish_reason": ended}]


def _said(message: Json) -> list[str]:
    return [name for name in _STREAMED if name in message]


def _empty(message: Json, name: str) -> object:
    """Return how a text begins: as an empty one if there is one, else as what stands there."""
    return "" if isinstance(message[name], str) else message[name]


def _numbered(rest: Body) -> list[Body]:
    """Take the calls out of a message, and number them."""
    calls = mappings(rest.get("tool_calls"))
    if calls:
        del rest["tool_calls"]
    return [{**call, "index": at} for at, call in enumerate(calls)]


_APART: Final = frozenset({"choices", "usage"})
_OF_A_CHOICE: Final = frozenset({"index", "message", "finish_reason"})
_STREAMED: Final = ("reasoning", "reasoning_content", "content", "refusal")
"""Texts that are sent as deltas of their own, in the order a client shows them."""
