"""Messages answers, streamed and whole, written from events.

Wire shapes: "Streaming messages" and "Messages" in the Claude API reference. The usage of
`message_delta` repeats the input tokens: langchain-anthropic reads them only there.
"""

from collections.abc import Mapping
from typing import Final

from app.translate import arguments, usage
from app.translate.assembly import Assembly, Block, Kind
from app.translate.event import End, Event, Start, Stop, Text, ToolArguments, ToolEnd, ToolStart
from app.translate.reading import Body
from app.translate.usage import Usage


class MessagesWriter:
    """Writes one answer. Each text and each call is a block; calls may overlap, texts may not.

    `input_tokens` is an estimate for the start, where the upstream has told nothing by then.
    """

    def __init__(self, *, answer_id: str, model: str, input_tokens: int = 0) -> None:
        self._answer_id, self._model = answer_id, model
        self._estimated = Usage(input_tokens=input_tokens)
        self._blocks = 0
        self._text: int | None = None
        self._calls: dict[int, int] = {}
        self._end: End | None = None

    def write(self, event: Event, known: Usage | None) -> list[Body]:
        """Return the events for one event. The end is told by finish(), with the usage."""
        match event:
            case Start():
                return [{"type": "message_start", "message": self._begun(known)}]
            case Text():
                return self._say(event.text)
            case ToolStart():
                return self._begin(event)
            case ToolArguments():
                delta = {"type": "input_json_delta", "partial_json": event.fragment}
                return [_delta(self._calls[event.call], delta)]
            case ToolEnd():
                return [_stop(self._calls[event.call])]
            case End():
                self._end = event
                return self._close_text()
            case _:
                return []

    def finish(self, known: Usage | None) -> list[Body]:
        """Return the `message_delta`: why it ended and what it took."""
        report = usage.to_messages(known or Usage())
        return [{"type": "message_delta", "delta": _ending(self._end), "usage": report}]

    def whole(self, said: Assembly, known: Usage | None) -> Body:
        """Return the `message`; a stop reason of None means it is not at its end."""
        return self._message([_block(block) for block in said.blocks], said.end, known)

    def _begun(self, known: Usage | None) -> Body:
        return self._message([], None, known or self._estimated)

    def _message(self, content: list[Body], end: End | None, known: Usage | None) -> Body:
        return {
            "id": self._answer_id,
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": content,
            **_ending(end),
            "usage": usage.to_messages(known or Usage()),
        }

    def _say(self, spoken: str) -> list[Body]:
        started: list[Body] = []
        if self._text is None:
            self._text = self._blocks
            started = [self._start({"type": "text", "text": ""})]
        return [*started, _delta(self._text, {"type": "text_delta", "text": spoken})]

    def _begin(self, event: ToolStart) -> list[Body]:
        closed = self._close_text()
        self._calls[event.call] = self._blocks
        block = {"type": "tool_use", "id": event.tool_id, "name": event.name, "input": {}}
        return [*closed, self._start(block)]

    def _start(self, block: Body) -> Body:
        index, self._blocks = self._blocks, self._blocks + 1
        return {"type": "content_block_start", "index": index, "content_block": block}

    def _close_text(self) -> list[Body]:
        index, self._text = self._text, None
        return [] if index is None else [_stop(index)]


def _delta(index: int, delta: Body) -> Body:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def _stop(index: int) -> Body:
    return {"type": "content_block_stop", "index": index}


def _block(block: Block) -> Body:
    if block.kind == Kind.TOOL:
        called = arguments.as_object(block.text)
        return {"type": "tool_use", "id": block.tool_id, "name": block.name, "input": called}
    return {"type": "text", "text": block.text}


def _ending(end: End | None) -> Body:
    return {
        "stop_reason": _STOP_REASONS[end.stop] if end else None,
        "stop_sequence": end.sequence if end else None,
    }


_STOP_REASONS: Final[Mapping[Stop, str]] = {
    Stop.ENDED: "end_turn",
    Stop.SEQUENCE: "stop_sequence",
    Stop.LENGTH: "max_tokens",
    Stop.TOOLS: "tool_use",
    Stop.REFUSED: "refusal",
}
