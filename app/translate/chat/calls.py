"""Tool calls of a chat answer, recognised over many deltas."""

from dataclasses import dataclass, field

from app.translate import arguments
from app.translate.event import Event, ToolArguments, ToolStart
from app.translate.reading import Json, count, mapping, word


class CallNumbers:
    """Tells which call of the answer a delta belongs to, numbering them from 0.

    OpenAI sends an `index` with every delta and the `id` with the first. Other servers leave the
    index out, or give every call the index 0 and an id of its own.
    """

    def __init__(self) -> None:
        self._by_index: dict[int, int] = {}
        self._ids: list[str | None] = []

    def number(self, delta: Json) -> int:
        """Return the number of the call a delta belongs to, a new one where it begins a call."""
        index, call_id = count(delta.get("index")), word(delta.get("id"))
        known = self._last(call_id) if index is None else self._by_index.get(index)
        if known is None or self._differs(known, call_id):
            known = len(self._ids)
            self._ids.append(call_id)
        elif self._ids[known] is None:
            self._ids[known] = call_id
        if index is not None:
            self._by_index[index] = known
        return known

    def _last(self, call_id: str | None) -> int | None:
        if call_id in self._ids and call_id is not None:
            return self._ids.index(call_id)
        return len(self._ids) - 1 if self._ids else None

    def _differs(self, known: int, call_id: str | None) -> bool:
        return call_id is not None and self._ids[known] not in (None, call_id)


@dataclass(slots=True, kw_only=True)
class _Call:
    tool_id: str = ""
    named: bool = False
    held: list[str] = field(default_factory=list)


class Calls:
    """Turns deltas of tool calls into events."""

    def __init__(self) -> None:
        self._numbers = CallNumbers()
        self._calls: dict[int, _Call] = {}

    def read(self, delta: Json) -> list[Event]:
        """Return what one delta says. A call begins when its name is known."""
        number = self._numbers.number(delta)
        call = self._calls.setdefault(number, _Call())
        function = mapping(delta.get("function"))
        call.tool_id = call.tool_id or word(delta.get("id")) or ""
        call.held.append(_fragment(function.get("arguments")))
        name = word(function.get("name"))
        started: list[Event] = []
        if not call.named and name:
            call.named = True
            started = [ToolStart(call=number, tool_id=call.tool_id, name=name)]
        if not call.named:
            return []
        pieces = [piece for piece in call.held if piece]
        call.held.clear()
        return [*started, *(ToolArguments(call=number, fragment=piece) for piece in pieces)]


def _fragment(value: object) -> str:
    # Some servers send arguments as an object, not as its text.
    return arguments.as_text(value) if isinstance(value, dict | str) else ""
