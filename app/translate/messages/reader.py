"""Messages answers, streamed and whole, read into events."""

from collections.abc import Mapping
from typing import Final

from app.translate import arguments
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
from app.translate.reading import Json, count, mapping, mappings, text, word


class MessagesReader:
    """Reads one answer. Blocks of the vendor's own tools, signatures and citations say nothing."""

    def __init__(self) -> None:
        self._calls: dict[int | None, int] = {}
        self._given: set[int] = set()

    def feed(self, event: Json) -> list[Event]:
        """Return what one streamed event says."""
        index = count(event.get("index"))
        match event.get("type"):
            case "message_start":
                return [Start()]
            case "content_block_start":
                return self._begin(index, mapping(event.get("content_block")))
            case "content_block_delta":
                return self._delta(index, mapping(event.get("delta")))
            case "content_block_stop" if index in self._calls:
                return [ToolEnd(call=self._calls[index])]
            case "message_delta":
                return _end(mapping(event.get("delta")))
            case _:
                return []

    def whole(self, body: Json) -> list[Event]:
        """Return what a whole message says."""
        said: list[Event] = [Start()]
        for index, block in enumerate(mappings(body.get("content"))):
            said += self._begin(index, block)
            said += self.feed({"type": "content_block_stop", "index": index})
        return [*said, *(_end(body) or [End(stop=Stop.ENDED)])]

    def _begin(self, index: int | None, block: Json) -> list[Event]:
        """Read how a block begins, or all of a whole one."""
        match block.get("type"):
            case "tool_use":
                return self._begin_call(index, block)
            case "text":
                spoken = text(block.get("text"))
                return [Text(text=spoken)] if spoken else []
            case "thinking":
                thought = text(block.get("thinking"))
                return [Thinking(text=thought)] if thought else []
            case _:
                return []

    def _begin_call(self, index: int | None, block: Json) -> list[Event]:
        if index in self._calls:
            return []
        call = self._calls[index] = len(self._calls)
        name, tool_id = text(block.get("name")), text(block.get("id"))
        start = ToolStart(call=call, tool_id=tool_id, name=name)
        given = block.get("input")
        if not isinstance(given, dict) or not given:
            return [start]
        # Some servers give the whole input here and repeat it as deltas.
        self._given.add(call)
        return [start, ToolArguments(call=call, fragment=arguments.as_text(given))]

    def _delta(self, index: int | None, delta: Json) -> list[Event]:
        call = self._calls.get(index)
        match delta.get("type"):
            case "text_delta" if spoken := text(delta.get("text")):
                return [Text(text=spoken)]
            case "thinking_delta" if thought := text(delta.get("thinking")):
                return [Thinking(text=thought)]
            case "input_json_delta" if call is not None and call not in self._given:
                fragment = text(delta.get("partial_json"))
                return [ToolArguments(call=call, fragment=fragment)] if fragment else []
            case _:
                return []


def _end(ending: Json) -> list[Event]:
    """Read how a message ended: a whole message and a `message_delta` say it alike."""
    reason = word(ending.get("stop_reason"))
    if reason is None:
        return []
    stop = _STOPS.get(reason, Stop.ENDED)
    why = text(mapping(ending.get("stop_details")).get("explanation"))
    refusal: list[Event] = [Refusal(text=why)] if why and stop == Stop.REFUSED else []
    return [*refusal, End(stop=stop, sequence=word(ending.get("stop_sequence")))]


_STOPS: Final[Mapping[str, Stop]] = {
    "max_tokens": Stop.LENGTH,
    "model_context_window_exceeded": Stop.LENGTH,
    "stop_sequence": Stop.SEQUENCE,
    "tool_use": Stop.TOOLS,
    "refusal": Stop.REFUSED,
}
"""Every other stop reason (`end_turn`, `pause_turn`) is an ordinary end."""
