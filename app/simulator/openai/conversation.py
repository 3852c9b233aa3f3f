"""The messages of a chat request."""

from collections.abc import Iterator, Mapping
from typing import Final

from app.simulator.answers.asking import Refused
from app.simulator.answers.compact import rewritten
from app.simulator.answers.conversation import Conversation

Body = Mapping[str, object]

_DATA_URL_MARK: Final = ";base64,"


def read(messages: object) -> Conversation:
    """Read the messages. Raises `Refused` where they cannot be answered."""
    if not isinstance(messages, list) or not messages:
        raise _bad("'messages' must be a non-empty array of messages.", "messages")
    talk = Conversation()
    tooled = False
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise _bad("A message must be an object with a role.", f"messages[{index}]")
        role, content, calls = message["role"], message.get("content"), message.get("tool_calls")
        if isinstance(content, str) and not calls:
            text = content
        else:
            text = _gathered(talk, message, f"messages[{index}].content")
        talk.add(text, asked=text if role == "user" else None)
        if role == "tool":
            talk.hand_in(text)
            tooled = True
        elif calls:
            tooled = True
    if tooled:
        _paired(messages)
    return talk


def _gathered(talk: Conversation, message: Body, where: str) -> str:
    """Return the text of a message in parts or with tool calls; attach its pictures and files."""
    content = message.get("content")
    parts = [{"text": content}] if isinstance(content, str) else content or []
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise _bad("A message's content must be a string, an array of parts or null.", where)
    texts = [part.get("text") or part.get("refusal") for part in parts]
    for part in parts:
        if part.get("type") == "image_url":
            talk.attach([_inside(part.get("image_url"), "url")])
        elif part.get("type") == "file":
            talk.attach([], [_inside(part.get("file"), "file_data")])
    for function in _functions(message):
        arguments = function.get("arguments")
        texts.append(function.get("name"))
        texts.append(rewritten(arguments) if isinstance(arguments, str) else None)
    return "\n".join(text for text in texts if isinstance(text, str) and text)


def _inside(given: object, key: str) -> str:
    """Return an address, or the data inside one that carries them itself."""
    address = given.get(key) if isinstance(given, dict) else given
    if not isinstance(address, str):
        return ""
    before, mark, data = address.partition(_DATA_URL_MARK)
    return data if mark and before.startswith("data:") else address


def _functions(message: Body) -> Iterator[Body]:
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield function


def _paired(messages: list[Body]) -> None:
    """Hold the vendor's rule that every tool call is answered, and right after it was made."""
    owed: set[str] = set()
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            answered = str(message.get("tool_call_id"))
            if answered not in owed:
                what = "A message with role 'tool' must answer a preceding message's 'tool_calls'."
                raise _bad(what, f"messages[{index}].tool_call_id")
            owed.discard(answered)
            continue
        _settled(owed, index)
        calls = message.get("tool_calls")
        made = calls if isinstance(calls, list) else []
        owed = {str(call.get("id")) for call in made if isinstance(call, dict)}
    _settled(owed, len(messages))


def _settled(owed: set[str], index: int) -> None:
    if owed:
        what = (
            "A message with 'tool_calls' must be followed by tool messages that answer each "
            f"'tool_call_id'. Unanswered are: {', '.join(sorted(owed))}."
        )
        raise _bad(what, f"messages[{index}].role")


def _bad(message: str, param: str) -> Refused:
    return Refused(400, message, param=param)
