"""Messages events accumulated into the message they stand for."""

from typing import Final

from app.translate import arguments
from app.translate.growing import Pieces, grow, grown
from app.translate.reading import Body, Json, count, mapping, text, word


class MessagesAccumulation:
    """Every block, every field."""

    def __init__(self) -> None:
        self.text_characters = 0
        self._message: Body = {}
        self._blocks: dict[int, Body] = {}
        self._inputs: dict[int, Pieces] = {}
        self._open: set[int] = set()

    @property
    def finished(self) -> bool:
        """True when the message has a stop reason."""
        return word(self._message.get("stop_reason")) is not None

    @property
    def has_content(self) -> bool:
        """True when the message has a block."""
        return bool(self._blocks)

    def unended(self) -> list[Body]:
        """Return the events that end a message whose upstream did not say how: it was done."""
        if self.finished:
            return []
        called = any(block.get("type") == "tool_use" for block in map(self._block, self._blocks))
        ending = {"stop_reason": "tool_use" if called else "end_turn", "stop_sequence": None}
        return [
            *({"type": "content_block_stop", "index": index} for index in sorted(self._open)),
            {"type": "message_delta", "delta": ending},
        ]

    def add(self, event: Json) -> None:
        """Take one event."""
        index = count(event.get("index")) or 0
        match event.get("type"):
            case "message_start":
                self._message |= mapping(event.get("message"))
            case "content_block_start":
                self._begin(index, mapping(event.get("content_block")))
            case "content_block_delta":
                self._delta(index, mapping(event.get("delta")))
            case "content_block_stop":
                self._open.discard(index)
            case "message_delta":
                self._message |= mapping(event.get("delta"))
                self._message |= {
                    name: value for name, value in event.items() if name not in _OF_THE_EVENT
                }
            case _:
                pass

    def whole(self) -> Body:
        """Return the message so far, without its usage."""
        message = {name: value for name, value in self._message.items() if name not in _APART}
        content = [self._block(index) for index in sorted(self._blocks)]
        return {**_EMPTY, **message, "content": content}

    def _begin(self, index: int, block: Json) -> None:
        self.text_characters += _characters(block)
        self._open.add(index)
        self._blocks[index] = {}
        grow(self._blocks[index], block, fixed=frozenset())

    def _delta(self, index: int, delta: Json) -> None:
        block = self._blocks.setdefault(index, {})
        self.text_characters += _characters(delta)
        match delta.get("type"):
            case "input_json_delta":
                self._inputs.setdefault(index, Pieces("")).add(text(delta.get("partial_json")))
            case "citations_delta":
                grow(block, {"citations": [delta.get("citation")]}, fixed=frozenset())
            case _:
                # The texts of a delta have the names of the block's own.
                pieces = {name: value for name, value in delta.items() if name != "type"}
                grow(block, pieces, fixed=frozenset())

    def _block(self, index: int) -> Body:
        block: Body = grown(self._blocks[index])
        given = self._inputs[index].joined() if index in self._inputs else ""
        return {**block, "input": arguments.as_object(given)} if given else block


def _characters(piece: Json) -> int:
    return sum(len(text(piece.get(name))) for name in ("text", "thinking", "partial_json"))


_EMPTY: Final[Body] = {
    "type": "message",
    "role": "assistant",
    "stop_reason": None,
    "stop_sequence": None,
}
_APART: Final = frozenset({"content", "usage"})
_OF_THE_EVENT: Final = frozenset({"type", "delta", "usage"})
