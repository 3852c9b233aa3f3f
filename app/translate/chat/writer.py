"""Chat Completions answers, streamed and whole, written from events."""

from collections.abc import Mapping
from typing import Final

from app.translate import arguments, usage
from app.translate.assembly import Assembly, Kind
from app.translate.event import (
    End,
    Event,
    Refusal,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArguments,
    ToolEnd,
    ToolStart,
)
from app.translate.reading import Body
from app.translate.usage import Usage


class ChatWriter:
    """Writes one answer. `created` is in seconds since the epoch."""

    def __init__(self, *, answer_id: str, model: str, created: int, include_usage: bool) -> None:
        self._head: Body = {"id": answer_id, "created": created, "model": model}
        self._include_usage = include_usage
        self._positions: dict[int, int] = {}

    def write(self, event: Event, known: Usage | None) -> list[Body]:
        """Return the chunks for one event."""
        match event:
            case Start():
                return [self._chunk({"role": "assistant", "content": ""}, known)]
            case Text():
                return [self._chunk({"content": event.text}, known)]
            case Thinking():
                return [self._chunk({"reasoning_content": event.text}, known)]
            case Refusal():
                return [self._chunk({"refusal": event.text}, known)]
            case ToolStart():
                return [self._chunk({"tool_calls": [self._begin(event)]}, known)]
            case ToolArguments():
                piece = {
                    "index": self._positions[event.call],
                    "function": {"arguments": event.fragment},
                }
                return [self._chunk({"tool_calls": [piece]}, known)]
            case ToolEnd():
                return []
            case End():
                return [self._chunk({}, known, finish_reason=FINISH[event.stop])]

    def finish(self, known: Usage | None) -> list[Body]:
        """Return the usage chunk, when the client asked for it and there is a report."""
        if known is None or not self._include_usage:
            return []
        return [{**self._head_of_chunk(known), "choices": [], "usage": usage.to_chat(known)}]

    def whole(self, said: Assembly, known: Usage | None) -> Body:
        """Return the `chat.completion`; a finish reason of None means it is not at its end."""
        choice = {
            "index": 0,
            "message": _message(said),
            "logprobs": None,
            "finish_reason": FINISH[said.end.stop] if said.end else None,
        }
        body = {**self._head, "object": "chat.completion", "choices": [choice]}
        if known is not None:
            body["usage"] = usage.to_chat(known)
        return {**body, **_tier(known)}

    def _begin(self, event: ToolStart) -> Body:
        position = self._positions[event.call] = len(self._positions)
        function = {"name": event.name, "arguments": ""}
        return {"index": position, "id": event.tool_id, "type": "function", "function": function}

    def _chunk(self, delta: Body, known: Usage | None, finish_reason: str | None = None) -> Body:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        chunk = {**self._head_of_chunk(known), "choices": [choice]}
        return {**chunk, "usage": None} if self._include_usage else chunk

    def _head_of_chunk(self, known: Usage | None) -> Body:
        return {**self._head, "object": "chat.completion.chunk", **_tier(known)}


def _message(said: Assembly) -> Body:
    calls = [
        {
            "id": block.tool_id,
            "type": "function",
            "function": {"name": block.name, "arguments": arguments.canonical(block.text)},
        }
        for block in said.calls()
    ]
    refusal = said.said(Kind.REFUSAL) or None
    spoken = said.said(Kind.TEXT)
    message: Body = {
        "role": "assistant",
        "content": None if not spoken and (calls or refusal) else spoken,
        "refusal": refusal,
    }
    if thought := said.said(Kind.THINKING):
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = calls
    return message


def _tier(known: Usage | None) -> Body:
    return {"service_tier": known.tier} if known is not None and known.tier else {}


FINISH: Final[Mapping[Stop, str]] = {
    Stop.ENDED: "stop",
    Stop.SEQUENCE: "stop",
    Stop.LENGTH: "length",
    Stop.TOOLS: "tool_calls",
    Stop.REFUSED: "content_filter",
}
