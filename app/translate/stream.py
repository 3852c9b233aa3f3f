"""One answer, streamed by an upstream in its dialect, on its way to a client in the client's."""

from collections.abc import Mapping
from typing import Any

from app.domain.dialect import Dialect
from app.translate.chat.relay import ChatRelay
from app.translate.crossing import NO_NAMES, Asked, Crossing, crossing
from app.translate.messages.relay import MessagesRelay
from app.translate.reading import envelope


class StreamTranslator:
    """Takes the upstream's events as they come and returns the client's.

    Nothing an upstream sends makes it raise: what cannot be read is passed over. The terminal event
    (`[DONE]`, `message_stop`) is never returned; it is for whoever settles the answer.

    `id` and `model` replace the upstream's. `created`, in seconds since the epoch, is for chat
    clients, where the upstream names none. `include_usage` is what a chat client asked for in its
    `stream_options`; a messages client always gets usage. `names` are the `tool_names` of the
    request. `input_tokens` is an estimate, which a messages client gets at the start where the
    upstream has told nothing by then.
    """

    def __init__(
        self,
        source: Dialect,
        target: Dialect,
        *,
        id: str,  # noqa: A002 - the word both dialects have for it
        model: str,
        created: int,
        include_usage: bool,
        names: Mapping[str, str] = NO_NAMES,
        input_tokens: int = 0,
    ) -> None:
        self._way: Crossing | ChatRelay | MessagesRelay
        if source != target:
            asked = Asked(
                id=id,
                model=model,
                created=created,
                include_usage=include_usage,
                names=names,
                input_tokens=input_tokens,
            )
            self._way = crossing(source, asked)
        elif source == Dialect.CHAT:
            self._way = ChatRelay(
                answer_id=id, model=model, created=created, include_usage=include_usage
            )
        else:
            self._way = MessagesRelay(answer_id=id, model=model)

    def feed(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Take one event of the upstream and return what the client is to get for it."""
        return self._way.feed(envelope(event))

    def finish(self) -> list[dict[str, Any]]:
        """Return what the client is still owed when the upstream's stream has ended cleanly.

        An upstream that named no reason was done: from here on the answer is finished.
        """
        return self._way.finish()

    def whole(self) -> dict[str, Any]:
        """Return the answer so far in one piece, in the client's dialect."""
        return self._way.whole()

    @property
    def usage(self) -> dict[str, Any] | None:
        """The upstream's usage report in its own spelling, merged over events; None if none."""
        return self._way.usage

    @property
    def finished(self) -> bool:
        """True when the upstream said how the answer ended."""
        return self._way.finished

    @property
    def has_content(self) -> bool:
        """True when the upstream said anything at all: a text, a thought, a call."""
        return self._way.has_content

    @property
    def text_characters(self) -> int:
        """Characters of text, thinking and tool arguments that the upstream sent so far."""
        return self._way.text_characters
