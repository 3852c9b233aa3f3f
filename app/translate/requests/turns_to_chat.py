"""The conversation of a Messages request as chat messages."""

from typing import Final

from app.translate import arguments
from app.translate.names import fitting
from app.translate.reading import Body, Json, mappings, text
from app.translate.requests.media import document_to_chat, image_to_chat, omitted

BILLING_HEADER: Final = "x-anthropic-billing-header:"
"""How Claude Code's note to its vendor begins: not for models, and different with every call."""

SYSTEM_ROLES: Final = frozenset({"system", "developer"})
"""Claude Code puts system messages among the others, at any place."""


def turns(body: Json) -> list[Body]:
    """Return the messages: all system prompts as one at the head, then the turns in order."""
    messages = mappings(body.get("messages"))
    prompts = _prompts(body.get("system"))
    for message in messages:
        if text(message.get("role")) in SYSTEM_ROLES:
            prompts += _prompts(message.get("content"))
    system = [{"role": "system", "content": "\n\n".join(prompts)}] if prompts else []
    return [*system, *(turn for message in messages for turn in _turns(message))]


def _prompts(content: object) -> list[str]:
    if isinstance(content, str):
        first, _, rest = content.partition("\n")
        kept = rest if first.startswith(BILLING_HEADER) else content
        return [kept] if kept else []
    texts = [text(block.get("text")) for block in mappings(content)]
    return [each for each in texts if each and not each.startswith(BILLING_HEADER)]


def _turns(message: Json) -> list[Body]:
    role = text(message.get("role"))
    if role in SYSTEM_ROLES:
        return []
    content = message.get("content")
    blocks = [_text(content)] if isinstance(content, str) else mappings(content)
    return _assistant(blocks) if role == "assistant" else _user(blocks)


def _text(spoken: str) -> Json:
    return {"type": "text", "text": spoken}


def _assistant(blocks: list[Json]) -> list[Body]:
    """Return what the model said and called; what it thought, and the vendor's tools, are left."""
    spoken = "".join(text(block.get("text")) for block in blocks if block.get("type") == "text")
    calls = [_call(block) for block in blocks if block.get("type") == "tool_use"]
    turn: Body = {"role": "assistant", "content": spoken or None}
    if calls:
        turn["tool_calls"] = calls
    return [turn] if spoken or calls else []


def _call(block: Json) -> Body:
    function = {
        "name": fitting(text(block.get("name"))),
        "arguments": arguments.as_text(block.get("input")),
    }
    return {"id": text(block.get("id")), "type": "function", "function": function}


def _user(blocks: list[Json]) -> list[Body]:
    """Return the results of tools first, where chat wants them, and then what the user says.

    A tool message holds only text: what else a result holds leads the user's message.
    """
    results: list[Body] = []
    parts: list[Body] = []
    for block in blocks:
        if block.get("type") == "tool_result":
            results.append(_result(block))
            parts += _attached(block)
    for block in blocks:
        if block.get("type") != "tool_result":
            parts += _parts(block)
    said = [{"role": "user", "content": _content(parts)}] if parts or not results else []
    return [*results, *said]


def _result(block: Json) -> Body:
    texts = [part["text"] for part in _inner(block) if part["type"] == "text"]
    content = "\n\n".join(texts)
    if not content and _attached(block):
        content = "The result is attached to the next message."
    if block.get("is_error") is True:
        content = f"Error: {content}"
    return {"role": "tool", "tool_call_id": text(block.get("tool_use_id")), "content": content}


def _attached(block: Json) -> list[Body]:
    media = [part for part in _inner(block) if part["type"] != "text"]
    if not media:
        return []
    label = f"Attached to the result of {text(block.get('tool_use_id'))}:"
    return [{"type": "text", "text": label}, *media]


def _inner(block: Json) -> list[Body]:
    content = block.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [part for inner in mappings(content) for part in _parts(inner)]


def _parts(block: Json) -> list[Body]:
    """Return one block of a user's turn, or of a result, as parts."""
    match block.get("type"):
        case "text":
            spoken = text(block.get("text"))
            return [{"type": "text", "text": spoken}] if spoken else []
        case "image":
            image = image_to_chat(block)
            parts = [image] if image else []
        case "document":
            parts = document_to_chat(block)
        case "search_result":
            texts = [text(each.get("text")) for each in mappings(block.get("content"))]
            lines = [text(block.get("title")), text(block.get("source")), *texts]
            return [{"type": "text", "text": "\n".join(line for line in lines if line)}]
        case "tool_reference":
            found = fitting(text(block.get("tool_name")))
            return [{"type": "text", "text": f"Tool found: {found}"}]
        case _:
            parts = []
    return parts or [{"type": "text", "text": omitted(block.get("type"))}]


def _content(parts: list[Body]) -> str | list[Body]:
    """Return parts as one text where they are nothing else: some servers take only that."""
    if all(part["type"] == "text" for part in parts):
        return "\n\n".join(part["text"] for part in parts)
    return parts
