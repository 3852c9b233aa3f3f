"""A messages stream passed on to a messages client, unknown fields and all."""

from typing import Final

from app.domain.dialect import Dialect
from app.translate import usage
from app.translate.messages.accumulation import MessagesAccumulation
from app.translate.reading import Body, Json, mapping, word


class MessagesRelay:
    """One answer on its way."""

    def __init__(self, *, answer_id: str, model: str) -> None:
        self.usage: Body | None = None
        self._names: Body = {"id": answer_id, "model": model}
        self._said = MessagesAccumulation()

    @property
    def finished(self) -> bool:
        """True when the upstream said how the message ended."""
        return self._said.finished

    @property
    def has_content(self) -> bool:
        """True when the upstream said anything at all."""
        return self._said.has_content

    @property
    def text_characters(self) -> int:
        """Characters of text, thinking and arguments so far."""
        return self._said.text_characters

    def feed(self, event: Json) -> list[Body]:
        """Take one event and return it for the client. What has no type is not passed on.

        The end of the stream, its errors and its heartbeats are the gateway's own to tell.
        """
        kind = word(event.get("type"))
        if kind is None or kind in _NOT_PASSED_ON:
            return []
        self.usage = usage.merged(self.usage, usage.reported(event, Dialect.MESSAGES))
        self._said.add(event)
        if kind == "message_start":
            return [{**event, "message": {**mapping(event.get("message")), **self._names}}]
        return [self._ending(event) if kind == "message_delta" else dict(event)]

    def finish(self) -> list[Body]:
        """Return what is owed at a clean end: how it ended, where the upstream has not said it."""
        return [event for end in self._said.unended() for event in self.feed(end)]

    def whole(self) -> Body:
        """Return the answer so far in one piece."""
        known = self.usage or {"input_tokens": 0, "output_tokens": 0}
        return {**self._said.whole(), **self._names, "usage": known}

    def _ending(self, event: Json) -> Body:
        """Repeat the input tokens at the end: langchain-anthropic reads them only there."""
        known = mapping(self.usage)
        repeated = {name: known[name] for name in _REPEATED if name in known}
        return {**event, "usage": {"output_tokens": 0, **repeated, **mapping(event.get("usage"))}}


_REPEATED: Final = ("input_tokens", "output_tokens")
_NOT_PASSED_ON: Final = frozenset({"message_stop", "error", "ping"})
