"""Chat Completions answers, streamed and whole, read into events."""

from collections.abc import Iterable, Mapping
from typing import Final

from app.translate.chat.calls import Calls
from app.translate.event import End, Event, Refusal, Start, Stop, Text, Thinking
from app.translate.reading import Json, mapping, mappings, text, word


class ChatReader:
    """Reads one answer: its first choice, since the other dialect has room for one."""

    def __init__(self) -> None:
        self._calls = Calls()

    def feed(self, event: Json) -> list[Event]:
        """Return what one chunk says. What is no chunk says nothing."""
        if not isinstance(event.get("choices"), list):
            return []
        said: list[Event] = [Start()]
        for choice in mappings(event["choices"]):
            if choice.get("index") in (0, None):
                delta = mapping(choice.get("delta"))
                said += [*_words(delta), *self._called(_calls(delta))]
                said += _end(choice)
        return said

    def whole(self, body: Json) -> list[Event]:
        """Return what a whole completion says."""
        choices = mappings(body.get("choices"))
        choice = choices[0] if choices else {}
        message = mapping(choice.get("message"))
        calls = [{**call, "index": at} for at, call in enumerate(_calls(message))]
        said = [*_words(message), *self._called(calls)]
        return [Start(), *said, *(_end(choice) or [End(stop=Stop.ENDED)])]

    def _called(self, calls: Iterable[Json]) -> list[Event]:
        return [event for call in calls for event in self._calls.read(call)]


def _words(message: Json) -> list[Event]:
    """Read what a message or a delta says in words; both have the same fields."""
    said: list[Event] = []
    # vLLM, DeepSeek and others name it reasoning_content; newer vLLM and OpenRouter, reasoning.
    thought = text(message.get("reasoning_content")) or text(message.get("reasoning"))
    if thought:
        said.append(Thinking(text=thought))
    if spoken := _spoken(message.get("content")):
        said.append(Text(text=spoken))
    if refusal := text(message.get("refusal")):
        said.append(Refusal(text=refusal))
    return said


def _spoken(content: object) -> str:
    """Return the text of a content, which some servers send as a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(text(part.get("text")) for part in mappings(content))


def _calls(message: Json) -> list[Json]:
    legacy = message.get("function_call")
    called = mappings(message.get("tool_calls"))
    if not called and isinstance(legacy, dict):
        return [{"index": 0, "function": legacy}]
    return called


def _end(choice: Json) -> list[Event]:
    reason = word(choice.get("finish_reason"))
    if reason is None:
        return []
    stop = _STOPS.get(reason, Stop.ENDED)
    sequence = _sequence(choice) if stop == Stop.ENDED else None
    return [End(stop=Stop.SEQUENCE if sequence else stop, sequence=sequence)]


def _sequence(choice: Json) -> str | None:
    """Return the stop sequence that was met: vLLM and SGLang tell it, OpenAI does not."""
    met = word(choice.get("stop_reason")) or word(choice.get("matched_stop"))
    return None if met in _NO_SEQUENCE else met


_STOPS: Final[Mapping[str, Stop]] = {
    "length": Stop.LENGTH,
    "tool_calls": Stop.TOOLS,
    "function_call": Stop.TOOLS,
    "content_filter": Stop.REFUSED,
}
"""Every other finish reason is an ordinary end."""

_NO_SEQUENCE: Final = {"stop", "eos", "eos_token", "end_turn", "tool_calls", "tool_use"}
"""Reasons that servers write where a stop sequence would stand."""
