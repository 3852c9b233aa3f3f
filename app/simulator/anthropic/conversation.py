"""The system prompt and the messages of a request."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from app.simulator.answers import seals
from app.simulator.answers.asking import Refused
from app.simulator.answers.compact import written
from app.simulator.answers.conversation import Conversation
from app.simulator.anthropic import pairing
from app.simulator.anthropic.fields import Block, bad, blocks, said

_ROLES: Final = ("user", "assistant", "system")
_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_PICTURES: Final = ("image/gif", "image/jpeg", "image/png", "image/webp")
_FOREIGN: Final = frozenset(
    {"image_url", "input_audio", "input_text", "input_image", "output_text", "file", "refusal"}
)
"""Types of parts in other protocols. Types nobody has heard of are let be: they may be new."""


def read(system: object, messages: object) -> Conversation:
    """Read a conversation. Raises `Refused` where it cannot be answered."""
    if messages is None:
        raise bad("messages", "Field required")
    if not isinstance(messages, list):
        raise bad("messages", "Input should be a valid array")
    if not messages:
        raise Refused(400, "messages: at least one message is required", param="messages")
    talk = Conversation()
    if system:
        talk.add(_text(talk, system, "system"))
    for index, message in enumerate(messages):
        _hear(talk, message, index, last=index == len(messages) - 1)
    pairing.check(messages)
    return talk


def _hear(talk: Conversation, message: object, index: int, *, last: bool) -> None:
    where = f"messages.{index}"
    if not isinstance(message, dict):
        raise bad(where, "Input should be an object")
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES:
        raise bad(f"{where}.role", "Input should be 'user' or 'assistant'")
    if content is None:
        raise bad(f"{where}.content", "Field required")
    if not content and not (last and role == "assistant"):
        what = f"{where}: all messages must have non-empty content"
        raise Refused(400, f"{what} except for the optional final assistant message", param=where)
    text = _text(talk, content, f"{where}.content")
    spoken = content if isinstance(content, str) else _spoken(content)
    talk.add(text, asked=spoken if role == "user" else None)


def _text(talk: Conversation, content: object, where: str) -> str:
    """Return all the text of a content; attach its pictures and files."""
    if isinstance(content, str):
        return content
    texts = []
    for place, block in blocks(content, where):
        kind = str(block["type"])
        if kind in _FOREIGN:
            what = f"Input tag '{kind}' found using 'type' does not match any of the expected tags"
            raise bad(place, what)
        reader = _READERS.get(kind)
        texts.append(reader(talk, block, place) if reader else "")
    return "\n".join(text for text in texts if text)


def _spoken(content: list[Block]) -> str:
    return "\n".join(str(block["text"]) for block in content if block["type"] == "text")


def _written(_talk: Conversation, block: Block, where: str) -> str:
    return said(block, where)


def _image(talk: Conversation, block: Block, where: str) -> str:
    talk.attach([_source(block, where)])
    return ""


def _document(talk: Conversation, block: Block, where: str) -> str:
    source = block.get("source")
    if isinstance(source, dict) and source.get("type") == "text":
        return str(source.get("data") or "")
    if isinstance(source, dict) and source.get("type") == "content":
        return _text(talk, source.get("content"), f"{where}.document.source.content")
    talk.attach([], [_source(block, where)])
    return ""


def _source(block: Block, where: str) -> str:
    """Return the data of a picture or a document, or the address it is to be had from."""
    place = f"{where}.{block['type']}.source"
    source = block.get("source")
    if not isinstance(source, dict):
        raise bad(place, "Field required")
    kind = source.get("type")
    if kind == "base64":
        data, media = source.get("data"), source.get("media_type")
        if not isinstance(data, str) or not data:
            raise bad(f"{place}.base64.data", "Field required")
        if block["type"] == "image" and media not in _PICTURES:
            named = ", ".join(f"'{one}'" for one in _PICTURES)
            raise bad(f"{place}.base64.media_type", f"Input should be one of {named}")
        return data
    if kind == "url":
        url = source.get("url")
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise bad(f"{place}.url.url", "Only HTTP and HTTPS URLs are supported")
        return url
    if kind == "file" and isinstance(source.get("file_id"), str):
        return str(source["file_id"])
    raise bad(place, "Input should be a source of type 'base64', 'url' or 'file'")


def _use(_talk: Conversation, block: Block, where: str) -> str:
    name, given = block.get("name"), block.get("input")
    if not isinstance(block.get("id"), str) or not _ID.fullmatch(str(block["id"])):
        raise bad(f"{where}.tool_use.id", f"String should match pattern '^{_ID.pattern}$'")
    if not isinstance(name, str):
        raise bad(f"{where}.tool_use.name", "Field required")
    if not isinstance(given, dict):
        raise bad(f"{where}.tool_use.input", "Input should be an object")
    return f"{name}\n{written(given)}"


def _result(talk: Conversation, block: Block, where: str) -> str:
    content = block.get("content")
    text = _text(talk, content, f"{where}.tool_result.content") if content else ""
    talk.hand_in(text)
    return text


def _thought(_talk: Conversation, block: Block, where: str) -> str:
    """Check the seal of a thought handed back, which weighs nothing and asks nothing."""
    if not isinstance(block.get("thinking"), str):
        raise bad(f"{where}.thinking.thinking", "Field required")
    if not seals.holds(block.get("signature")):
        raise bad(where, "Invalid `signature` in `thinking` block")
    return ""


def _secret(_talk: Conversation, block: Block, where: str) -> str:
    if not seals.holds(block.get("data")):
        raise bad(where, "Invalid `data` in `redacted_thinking` block")
    return ""


_READERS: Final[Mapping[str, Callable[[Conversation, Block, str], str]]] = {
    "text": _written,
    "image": _image,
    "document": _document,
    "tool_use": _use,
    "tool_result": _result,
    "thinking": _thought,
    "redacted_thinking": _secret,
}
