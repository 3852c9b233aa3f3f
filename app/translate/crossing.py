"""A stream on its way from one dialect to the other: reader, assembly, writer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Protocol

from app.domain.dialect import Dialect
from app.translate import usage
from app.translate.assembly import Assembly
from app.translate.chat.reader import ChatReader
from app.translate.chat.writer import ChatWriter
from app.translate.event import (
    End,
    Event,
    Refusal,
    Start,
    Stop,
    Text,
    Thinking,
    ToolArguments,
    ToolStart,
)
from app.translate.messages.reader import MessagesReader
from app.translate.messages.writer import MessagesWriter
from app.translate.reading import Body, Json
from app.translate.usage import Usage

NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an answer's writer must know beside the answer; see StreamTranslator."""

    id: str
    model: str
    created: int
    include_usage: bool
    names: Mapping[str, str]
    input_tokens: int = 0


class Reader(Protocol):
    """Turns what an upstream sends into events."""

    def feed(self, event: Json) -> list[Event]:
        """Return what one streamed event says."""

    def whole(self, body: Json) -> list[Event]:
        """Return what a whole answer says, its end included."""


class Writer(Protocol):
    """Turns events into what a client reads."""

    def write(self, event: Event, known: Usage | None) -> list[Body]:
        """Return the streamed events for one event, given the usage known so far."""

    def finish(self, known: Usage | None) -> list[Body]:
        """Return what stands behind the end of the answer."""

    def whole(self, said: Assembly, known: Usage | None) -> Body:
        """Return the answer in one piece."""


class Crossing:
    """One answer on its way."""

    def __init__(
        self, source: Dialect, writer: Writer, said: Assembly, names: Mapping[str, str]
    ) -> None:
        self.text_characters = 0
        self.has_content = False
        self.usage: Body | None = None
        self.finished = False
        self._source = source
        self._reader = _READERS[source]()
        self._writer = writer
        self._said = said
        self._names = names
        self._tier: object = None
        self._closed = False

    def feed(self, event: Json) -> list[Body]:
        """Take one event of the upstream and return those for the client."""
        self._note(event)
        return self._take(self._reader.feed(event))

    def finish(self) -> list[Body]:
        """Return what is owed at a clean end; an upstream that named no reason was done."""
        if self._closed:
            return []
        self._closed = self.finished = True
        ended = self._write([] if self._said.end else [End(stop=Stop.ENDED)])
        return [*ended, *self._writer.finish(self._known())]

    def read(self, body: Json) -> Body:
        """Take a whole answer of the upstream and return it for the client."""
        self._note(body)
        self._take(self._reader.whole(body))
        return self.whole()

    def whole(self) -> Body:
        """Return the answer so far in one piece."""
        return self._writer.whole(self._said, self._known())

    def _note(self, event: Json) -> None:
        self.usage = usage.merged(self.usage, usage.reported(event, self._source))
        self._tier = event.get("service_tier") or self._tier

    def _take(self, events: list[Event]) -> list[Body]:
        for event in events:
            self.text_characters += _characters(event)
            self.finished = self.finished or isinstance(event, End)
            self.has_content = self.has_content or not isinstance(event, Start | End)
        return self._write([self._renamed(event) for event in events])

    def _renamed(self, event: Event) -> Event:
        if isinstance(event, ToolStart) and event.name in self._names:
            return replace(event, name=self._names[event.name])
        return event

    def _write(self, events: list[Event]) -> list[Body]:
        known = self._known()
        return [
            written
            for event in events
            for heard in self._said.add(event)
            for written in self._writer.write(heard, known)
        ]

    def _known(self) -> Usage | None:
        return usage.read(self.usage, self._source, self._tier)


def crossing(source: Dialect, asked: Asked) -> Crossing:
    """Begin the crossing of one answer into the dialect that is not its source."""
    if source == Dialect.CHAT:
        target = Dialect.MESSAGES
        writer: Writer = MessagesWriter(
            answer_id=asked.id, model=asked.model, input_tokens=asked.input_tokens
        )
    else:
        target = Dialect.CHAT
        writer = ChatWriter(
            answer_id=asked.id,
            model=asked.model,
            created=asked.created,
            include_usage=asked.include_usage,
        )
    return Crossing(source, writer, Assembly(asked.id, target), asked.names)


def _characters(event: Event) -> int:
    match event:
        case Text() | Thinking() | Refusal():
            return len(event.text)
        case ToolArguments():
            return len(event.fragment)
        case _:
            return 0


_READERS: Final[dict[Dialect, Callable[[], Reader]]] = {
    Dialect.CHAT: ChatReader,
    Dialect.MESSAGES: MessagesReader,
}
