"""What an answer can say: the one model between the two dialects.

A reader turns a dialect's answer, streamed or whole, into these events; a writer turns them into
the other dialect. What neither dialect can take from the other (signatures of thinking blocks,
citations, log probabilities) is not here; docs/translation.md lists it.
"""

from dataclasses import dataclass
from enum import StrEnum


class Stop(StrEnum):
    """Why an answer ended."""

    ENDED = "ended"
    """The model was done."""

    SEQUENCE = "sequence"
    """A stop sequence of the request was met."""

    LENGTH = "length"
    """The answer, or the context, reached its limit."""

    TOOLS = "tools"
    """The model waits for the results of the tools it called."""

    REFUSED = "refused"
    """The model, or a filter of the vendor, declined."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The answer begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A piece of what the model says."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """A piece of what the model thinks before it speaks."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A piece of why the model declines."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStart:
    """The model begins to call a tool. `call` numbers the calls of one answer from 0."""

    call: int
    tool_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolArguments:
    """A piece of the JSON text of a call's arguments."""

    call: int
    fragment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEnd:
    """A call has all its arguments."""

    call: int


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The answer ends; `sequence` is the stop sequence that was met, where it is known."""

    stop: Stop
    sequence: str | None = None


Event = Start | Text | Thinking | Refusal | ToolStart | ToolArguments | ToolEnd | End
