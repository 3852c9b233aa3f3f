"""Chat chunks accumulated into the completion they stand for, as the vendor would send it whole."""

from typing import Final

from app.translate.chat.calls import CallNumbers
from app.translate.growing import grow, grown
from app.translate.reading import Body, Json, count, mapping, mappings, text, word

FIXED: Final = frozenset({"id", "type", "role", "name", "object", "format"})
"""Texts that a server sends once, or repeats with every delta, but never in pieces."""


class ChatAccumulation:
    """Every choice, every field."""

    def __init__(self) -> None:
        self.text_characters = 0
        self._head: Body = {}
        self._choices: dict[int, _Choice] = {}

    @property
    def finished(self) -> bool:
        """True when every choice that began has said how it ended."""
        choices = self._choices.values()
        return bool(choices) and all(choice.finish_reason for choice in choices)

    @property
    def has_content(self) -> bool:
        """True when any choice says or calls something."""
        return self.text_characters > 0 or any(each.calls for each in self._choices.values())

    def unended(self) -> list[Body]:
        """Return the ends of the choices that have not said how they ended: they were done."""
        return [
            {"index": at, "delta": {}, "finish_reason": "tool_calls" if choice.calls else "stop"}
            for at, choice in sorted(self._choices.items())
            if choice.finish_reason is None
        ]

    def add(self, chunk: Json) -> None:
        """Take one chunk."""
        for name, value in chunk.items():
            if name not in _NOT_OF_THE_WHOLE and (value is not None or name not in self._head):
                self._head[name] = value
        for choice in mappings(chunk.get("choices")):
            index = count(choice.get("index")) or 0
            self._choices.setdefault(index, _Choice()).add(choice)
            self.text_characters += _characters(mapping(choice.get("delta")))

    def whole(self) -> Body:
        """Return the completion so far, without its usage."""
        choices = [{"index": at, **self._choices[at].whole()} for at in sorted(self._choices)]
        return {**self._head, "object": "chat.completion", "choices": choices}


class _Choice:
    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self._fields: Body = {}
        self._message: Body = {}
        self._numbers = CallNumbers()
        self.calls: dict[int, Body] = {}

    def add(self, choice: Json) -> None:
        self.finish_reason = word(choice.get("finish_reason")) or self.finish_reason
        fields = {name: value for name, value in choice.items() if name not in _READ_APART}
        # The fields of a choice are said once; its message is what comes in pieces.
        grow(self._fields, fields, fixed=fields.keys() | FIXED)
        delta = mapping(choice.get("delta"))
        calls = delta.get("tool_calls")
        if not isinstance(calls, list) or not calls:
            grow(self._message, delta, fixed=FIXED)
            return
        grow(self._message, {**delta, "tool_calls": None}, fixed=FIXED)
        for call in mappings(calls):
            number = self._numbers.number(call)
            unnumbered = {name: value for name, value in call.items() if name != "index"}
            grow(self.calls.setdefault(number, {}), unnumbered, fixed=FIXED)

    def whole(self) -> Body:
        message = {"role": "assistant", "content": None, **grown(self._message)}
        if self.calls:
            message["tool_calls"] = [grown(self.calls[at]) for at in sorted(self.calls)]
        return {**grown(self._fields), "message": message, "finish_reason": self.finish_reason}


def _characters(delta: Json) -> int:
    thought = text(delta.get("reasoning_content")) or text(delta.get("reasoning"))
    spoken = len(thought) + len(text(delta.get("content"))) + len(text(delta.get("refusal")))
    called = [mapping(call.get("function")) for call in mappings(delta.get("tool_calls"))]
    called.append(mapping(delta.get("function_call")))
    return spoken + sum(len(text(function.get("arguments"))) for function in called)


_NOT_OF_THE_WHOLE: Final = frozenset({"choices", "usage", "object", "obfuscation"})
_READ_APART: Final = frozenset({"index", "delta", "finish_reason"})
