"""What a bound of a Messages prompt is made of: its text, and what cannot be weighed as text.

Everything counts with the bytes of its JSON: templates write tool calls out in words of their own,
and JSON's quotes and brackets make up for those. An image or a document is no text: its base64 may
be shorter than the tokens it becomes, or a hundred times longer, so that its size counts as
unknown, and the bound as the whole context.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

UNSIZED: Final = {"type": "unsized"}
"""Stands for a piece whose tokens nobody can tell before the provider does."""

MEDIA: Final = frozenset(
    {"image", "document", "container_upload", "file", "audio", "video", "image_url", "input_audio"}
)
"""Types of blocks that stand for something outside of the text."""

_SIZED_TOOLS: Final = ("bash_", "text_editor_", "memory_", "tool_search_tool_")
"""Tools the vendor knows by their type whose description is short and whose results clients send.

Other typed tools run at the provider (search, fetch, code) and put pages of their own into the
prompt.
"""

_NOT_EXTRA: Final = frozenset(
    {
        *("messages", "system", "mcp_servers", "container"),
        *("model", "max_tokens", "stream", "temperature", "top_p", "top_k", "stop_sequences"),
        *("metadata", "service_tier", "thinking", "context_management", "cache_control"),
        *("speed", "inference_geo", "stream_options", "webhook", "provider", "route"),
    }
)
"""Fields that are weighed piece by piece, and fields that are never a part of a prompt."""


def prompt(body: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the pieces of a prompt, each of which a template may put marks around."""
    yield from _pieces(body.get("system"))
    for message in body["messages"]:
        yield json.dumps({k: v for k, v in message.items() if k != "content"}, ensure_ascii=False)
        yield from _pieces(message["content"])
    if body.get("mcp_servers") or body.get("container"):
        yield UNSIZED
    if not all(_is_sized(tool) for tool in body.get("tools") or ()):
        yield UNSIZED


def extras(body: Mapping[str, Any]) -> list[bytes]:
    """Return what else a provider may turn into tokens: tools, schemas, fields we do not know."""
    return [
        json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
        for name, value in body.items()
        if name not in _NOT_EXTRA and value is not None
    ]


def is_media(block: Mapping[str, Any]) -> bool:
    """True for a block whose tokens its bytes do not tell."""
    source = block.get("source")
    if isinstance(source, Mapping):
        return source.get("type") not in ("text", "content")
    kind = block.get("type")
    return isinstance(kind, str) and kind in MEDIA


def _pieces(content: Any) -> Iterator[Any]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        yield from _block(content)
    elif isinstance(content, list):
        for inner in content:
            yield from _pieces(inner)
    elif content is not None:
        yield str(content)


def _block(block: Mapping[str, Any]) -> Iterator[Any]:
    if str(block.get("type")).endswith("tool_use"):
        # Its input is the tool's own business and may look like anything.
        yield json.dumps(block, ensure_ascii=False)
        return
    if is_media(block):
        yield UNSIZED
        return
    flat = {k: v for k, v in block.items() if k != "cache_control" and not _holds_blocks(v)}
    yield json.dumps(flat, ensure_ascii=False)
    for name, value in block.items():
        if name not in flat and name != "cache_control":
            yield from _pieces(value)


def _holds_blocks(value: Any) -> bool:
    if isinstance(value, list):
        return any(isinstance(inner, Mapping) for inner in value)
    return isinstance(value, Mapping) and "type" in value


def _is_sized(tool: Mapping[str, Any]) -> bool:
    kind = tool.get("type")
    if kind is None or kind == "custom":
        return True
    return isinstance(kind, str) and kind.startswith(_SIZED_TOOLS)
