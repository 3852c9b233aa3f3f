"""What an answer has said so far, put in order: the same for streamed and whole answers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from app.domain.dialect import Dialect
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


class Kind(StrEnum):
    """What a block of an answer is."""

    TEXT = "text"
    THINKING = "thinking"
    REFUSAL = "refusal"
    TOOL = "tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One stretch of an answer of one kind, in the pieces it came in."""

    kind: Kind
    pieces: list[str] = field(default_factory=list)
    tool_id: str = ""
    name: str = ""

    @property
    def text(self) -> str:
        """All of it: words, or the JSON text of a call's arguments."""
        return "".join(self.pieces)


class Assembly:
    """Takes a reader's events, keeps what they said, and returns what a writer must write.

    What comes out is well formed whatever came in: one start, pieces only of calls that are open,
    an end for each call, one end of the answer, and nothing behind it.
    """

    def __init__(self, answer_id: str, target: Dialect) -> None:
        self.blocks: list[Block] = []
        self.end: End | None = None
        self._answer_id = answer_id
        self._target = target
        self._started = False
        self._refused = False
        self._open: dict[int, Block] = {}
        self._calls: set[int] = set()
        self._looked_at: dict[int, int] = {}

    def add(self, event: Event) -> list[Event]:
        """Take one event and return those to write; usually the same one."""
        if self.end is not None:
            return []
        start: list[Event] = [] if self._started else [Start()]
        self._started = True
        return [*start, *self._heard(event)]

    def said(self, kind: Kind) -> str:
        """Return all text of one kind."""
        return "".join(block.text for block in self.blocks if block.kind == kind)

    def calls(self) -> list[Block]:
        """Return the tool calls in the order they began."""
        return [block for block in self.blocks if block.kind == Kind.TOOL]

    def _heard(self, event: Event) -> list[Event]:
        match event:
            case Start():
                return []
            case Text():
                return self._say(Kind.TEXT, event)
            case Thinking():
                return self._think(event)
            case Refusal():
                return self._refuse(event)
            case ToolStart():
                return self._begin(event)
            case ToolArguments():
                return self._argue(event)
            case ToolEnd():
                return self._close([event.call])
            case End():
                return self._finish(event)

    def _say(self, kind: Kind, event: Text | Thinking | Refusal) -> list[Event]:
        closed = self._close_complete()
        if not self.blocks or self.blocks[-1].kind != kind:
            self.blocks.append(Block(kind=kind))
        self.blocks[-1].pieces.append(event.text)
        return [*closed, event]

    def _think(self, event: Thinking) -> list[Event]:
        # A thinking block of Messages carries a signature that only the vendor can make, and is
        # refused without it when the client sends it back.
        return [] if self._target == Dialect.MESSAGES else self._say(Kind.THINKING, event)

    def _refuse(self, event: Refusal) -> list[Event]:
        self._refused = True
        if self._target == Dialect.MESSAGES:
            return self._say(Kind.TEXT, Text(text=event.text))
        return self._say(Kind.REFUSAL, event)

    def _begin(self, event: ToolStart) -> list[Event]:
        if event.call in self._calls:
            return []
        closed = self._close_complete()
        tool_id = event.tool_id or f"call_{self._answer_id}_{event.call}"
        if self._target == Dialect.MESSAGES:
            tool_id = arguments.safe_id(tool_id)
        self._calls.add(event.call)
        self._open[event.call] = Block(kind=Kind.TOOL, tool_id=tool_id, name=event.name)
        self.blocks.append(self._open[event.call])
        return [*closed, ToolStart(call=event.call, tool_id=tool_id, name=event.name)]

    def _argue(self, event: ToolArguments) -> list[Event]:
        block = self._open.get(event.call)
        if block is None or not event.fragment:
            return []
        block.pieces.append(event.fragment)
        return [event]

    def _close_complete(self) -> list[Event]:
        """Close the calls that can get no more arguments.

        A call whose arguments are not whole stays open beside what follows, because some servers
        send the pieces of parallel calls in turns.
        """
        return self._close([call for call in self._open if self._is_complete(call)])

    def _is_complete(self, call: int) -> bool:
        """Look at a call's arguments, but only once for each piece: they can be long."""
        block = self._open[call]
        if self._looked_at.get(call) == len(block.pieces):
            return False
        self._looked_at[call] = len(block.pieces)
        return arguments.is_complete(block.text)

    def _close(self, calls: Iterable[int]) -> list[Event]:
        closed: list[Event] = []
        for call in calls:
            block = self._open.pop(call, None)
            if block is None:
                continue
            if not block.pieces:
                block.pieces.append("{}")
                closed.append(ToolArguments(call=call, fragment="{}"))
            closed.append(ToolEnd(call=call))
        return closed

    def _finish(self, event: End) -> list[Event]:
        closed = self._close(list(self._open))
        self.end = End(stop=self._stop(event.stop), sequence=event.sequence)
        return [*closed, self.end]

    def _stop(self, stop: Stop) -> Stop:
        """Return why the answer ended, judged by what it holds too.

        Servers differ in what they say beside tool calls: OpenAI itself says `stop` when the
        request forced one.
        """
        if stop not in (Stop.ENDED, Stop.TOOLS):
            return stop
        if self._calls:
            return Stop.TOOLS
        return Stop.REFUSED if self._refused else Stop.ENDED
