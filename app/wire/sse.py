"""Server-sent events: frames written for each surface, and frames read from providers.

The rules are those of the WHATWG EventSource chapter as the vendors' SDKs apply them: the OpenAI
decoders ignore `event:` lines, the Anthropic ones drop every frame without one; both skip comments.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.domain.dialect import Dialect

FRAME_BYTES_MAX: Final = 8_000_000
"""A single event above this is refused, whatever the provider says."""

CONTENT_TYPE: Final = "text/event-stream; charset=utf-8"


class TooLong(Exception):
    """An event is larger than FRAME_BYTES_MAX."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it was received: its name ("" when it has none) and its data."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How streams of a dialect end well, and how they show in silence that they are alive."""

    end: bytes
    heartbeat: bytes


MANNERS: Final[Mapping[Dialect, Manner]] = {
    Dialect.CHAT: Manner(end=b"data: [DONE]\n\n", heartbeat=b": waiting\n\n"),
    Dialect.MESSAGES: Manner(
        end=b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
        heartbeat=b'event: ping\ndata: {"type":"ping"}\n\n',
    ),
}


def frame(event: Mapping[str, Any], dialect: Dialect) -> bytes:
    """Return the frame of an event; those of messages bear its type as their name."""
    data = json.dumps(event, separators=(",", ":")).encode()
    if dialect is Dialect.MESSAGES:
        return b"event: %b\ndata: %b\n\n" % (str(event.get("type", "")).encode(), data)
    return b"data: %b\n\n" % data


def numbered(frame: bytes, place: object) -> bytes:
    """Return a frame that says its place, for clients that may come back for the rest."""
    return b"id: %b\n%b" % (str(place).encode(), frame)


class Parser:
    """Turns the bytes of a stream, cut anywhere, into events."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that are complete now. Raises TooLong."""
        text = self._rest + chunk
        # A CR at the very end may be the first half of a CRLF: it waits for what comes.
        held = b"\r" if text.endswith(b"\r") else b""
        lines = text.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        if len(self._rest) + self._size > FRAME_BYTES_MAX:
            raise TooLong
        return [event for line in lines if (event := self._line(line)) is not None]

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._end()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._size += len(value)
            if self._size > FRAME_BYTES_MAX:
                raise TooLong
            self._data.append(value)
        elif field == b"event":
            self._name = value
        return None

    def _end(self) -> Event | None:
        event = None
        if self._data:
            name = self._name.decode("utf-8", "replace")
            event = Event(name=name, data=b"\n".join(self._data))
        self._name, self._data, self._size = b"", [], 0
        return event
