"""A chat stream passed on to a chat client, unknown fields and all."""

from app.domain.dialect import Dialect
from app.translate import usage
from app.translate.chat.accumulation import ChatAccumulation
from app.translate.reading import Body, Json, count


class ChatRelay:
    """One answer on its way. `created`, in seconds since the epoch, stands in where it is left out.

    However a server reports usage (on its last chunk, on every chunk, on one without choices), the
    client gets OpenAI's form: one chunk at the end, when it asked for it, and none otherwise.
    """

    def __init__(self, *, answer_id: str, model: str, created: int, include_usage: bool) -> None:
        self.usage: Body | None = None
        self._names: Body = {"id": answer_id, "model": model}
        self._defaults: Body = {"object": "chat.completion.chunk", "created": created}
        self._include_usage = include_usage
        self._said = ChatAccumulation()
        self._usage_chunk: Body = {}
        self._closed = False

    @property
    def finished(self) -> bool:
        """True when the upstream said how every choice ended."""
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
        """Take one chunk and return it for the client. What is no chunk is not passed on."""
        choices = event.get("choices")
        if not isinstance(choices, list) or event.get("error"):
            return []
        report = usage.reported(event, Dialect.CHAT)
        self.usage = usage.merged(self.usage, report)
        self._said.add(event)
        if created := count(event.get("created")):
            self._defaults["created"] = created
        chunk: Body = {**self._defaults, **event, **self._names}
        if report and not choices:
            self._usage_chunk = chunk
            return []
        chunk.pop("usage", None)
        return [{**chunk, "usage": None} if self._include_usage else chunk]

    def finish(self) -> list[Body]:
        """Return the ends of choices that have none, and the usage chunk.

        That is there when the client asked for it and there is a report.
        """
        if self._closed:
            return []
        self._closed = True
        ended = [event for end in self._said.unended() for event in self.feed({"choices": [end]})]
        if not self._include_usage or self.usage is None:
            return ended
        head = {**self._defaults, **self._names, **self._usage_chunk}
        return [*ended, {**head, "choices": [], "usage": self.usage}]

    def whole(self) -> Body:
        """Return the answer so far in one piece."""
        body = {**self._defaults, **self._said.whole(), **self._names}
        return body if self.usage is None else {**body, "usage": self.usage}
