"""The conversation of a chat request as turns of a Messages one."""

from typing import Final

from app.translate import arguments
from app.translate.names import fitting
from app.translate.reading import Body, Json, mapping, mappings, text, word
from app.translate.requests.media import file_to_messages, image_to_messages, omitted
from app.translate.requests.tools_to_messages import CUSTOM_INPUT

SYSTEM_ROLES: Final = frozenset({"system", "developer"})
RESULT_ROLES: Final = frozenset({"tool", "function"})


def conversation(body: Json) -> tuple[str, list[Body]]:
    """Return the system prompt, all of them in order, and the turns.

    A conversation of nothing but system messages is taken as the user's: Messages wants a turn.
    """
    messages = mappings(body.get("messages"))
    prompts = [
        _spoken(message.get("content"))
        for message in messages
        if text(message.get("role")) in SYSTEM_ROLES
    ]
    system = "\n\n".join(prompt for prompt in prompts if prompt)
    told = _Turns()
    for message in messages:
        told.add(message)
    turns = _trimmed(told.turns)
    if not turns and system:
        return "", [{"role": "user", "content": system}]
    return system, turns


class _Turns:
    """The turns so far, and the calls that still lack a result."""

    def __init__(self) -> None:
        self.turns: list[Body] = []
        self._unanswered: list[str] = []
        self._nameless = 0

    def add(self, message: Json) -> None:
        role = text(message.get("role"))
        if role in SYSTEM_ROLES:
            return
        if role in RESULT_ROLES:
            self._add_result(message)
        elif role == "assistant":
            self._add_assistant(message)
        else:
            self._add_user(_blocks(message.get("content")))

    def _add_user(self, blocks: list[Body]) -> None:
        """Add what the user says; behind results of tools it belongs into their turn."""
        last = self.turns[-1] if self.turns else None
        if last and last["role"] == "user" and isinstance(last["content"], list):
            leading = last["content"][:1]
            if leading and leading[0]["type"] == "tool_result":
                last["content"] += blocks
                return
        if blocks:
            self.turns.append({"role": "user", "content": _shortest(blocks)})

    def _add_assistant(self, message: Json) -> None:
        said = _spoken(message.get("content")) or text(message.get("refusal"))
        blocks = _text(said)
        calls = mappings(message.get("tool_calls"))
        legacy = message.get("function_call")
        if not calls and isinstance(legacy, dict):
            calls = [{"function": legacy}]
        blocks += [self._call(call) for call in calls]
        if blocks:
            self.turns.append({"role": "assistant", "content": _shortest(blocks)})

    def _call(self, call: Json) -> Body:
        function, custom = mapping(call.get("function")), mapping(call.get("custom"))
        given: Body = {CUSTOM_INPUT: text(custom.get("input"))}
        if not custom:
            given = arguments.as_object(arguments.as_text(function.get("arguments") or ""))
        name = text(custom.get("name")) or text(function.get("name"))
        call_id = self._id_of(call)
        self._unanswered.append(call_id)
        return {"type": "tool_use", "id": call_id, "name": fitting(name), "input": given}

    def _id_of(self, call: Json) -> str:
        given = word(call.get("id"))
        if given is not None:
            return arguments.safe_id(given)
        self._nameless += 1
        return f"call_{self._nameless}"

    def _add_result(self, message: Json) -> None:
        """Add a result to the turn of results; results lead their turn, whatever was said."""
        content = _shortest(_blocks(message.get("content")))
        block: Body = {"type": "tool_result", "tool_use_id": self._answered(message)}
        if content:
            block["content"] = content
        if not self.turns or self.turns[-1]["role"] != "user":
            self.turns.append({"role": "user", "content": [block]})
            return
        said = self.turns[-1]["content"]
        blocks = _blocks(said) if isinstance(said, str) else said
        results = [each for each in blocks if each["type"] == "tool_result"]
        others = [each for each in blocks if each["type"] != "tool_result"]
        self.turns[-1]["content"] = [*results, block, *others]

    def _answered(self, message: Json) -> str:
        """Return which call a result is for: without an id, the first that has none yet."""
        given = word(message.get("tool_call_id"))
        if given is None:
            return self._unanswered.pop(0) if self._unanswered else "call_0"
        safe = arguments.safe_id(given)
        if safe in self._unanswered:
            self._unanswered.remove(safe)
        return safe


def _spoken(content: object) -> str:
    if isinstance(content, str):
        return content
    spoken = [each if isinstance(each, str) else _words(each) for each in _listed(content)]
    return "\n\n".join(each for each in spoken if each)


def _words(part: object) -> str:
    named = mapping(part)
    return text(named.get("text")) or text(named.get("refusal"))


def _text(spoken: str) -> list[Body]:
    """Return a text as a block. One of nothing but white space is none: the vendor refuses it."""
    return [{"type": "text", "text": spoken}] if spoken.strip() else []


def _blocks(content: object) -> list[Body]:
    if isinstance(content, str):
        return _text(content)
    return [block for part in _listed(content) for block in _block(part)]


def _block(part: object) -> list[Body]:
    if isinstance(part, str):
        return _text(part)
    named = mapping(part)
    block: Body | None = None
    match named.get("type"):
        case "text" | "refusal" | "input_text":
            return _text(_words(part))
        case "image_url":
            block = image_to_messages(named)
        case "file":
            block = file_to_messages(named)
    return [block or {"type": "text", "text": omitted(named.get("type"))}]


def _listed(content: object) -> list[object]:
    return content if isinstance(content, list) else []


def _shortest(blocks: list[Body]) -> str | list[Body]:
    """Return a lone text as a string, anything else as it is."""
    if len(blocks) == 1 and blocks[0]["type"] == "text":
        return str(blocks[0]["text"])
    return blocks


def _trimmed(turns: list[Body]) -> list[Body]:
    """Take white space off the end of a prefill: the vendor refuses it."""
    if not turns or turns[-1]["role"] != "assistant" or not isinstance(turns[-1]["content"], str):
        return turns
    prefill = turns[-1]["content"].rstrip()
    return [*turns[:-1], {"role": "assistant", "content": prefill}] if prefill else turns[:-1]
