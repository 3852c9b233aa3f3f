"""POST /v1/messages/count_tokens: an estimate, for clients that plan how full a context is.

No tokenizer runs here, and each provider has its own. The rule: a token for every four characters,
and two for every five bytes a character has beyond its first (so that a Chinese one comes to one
token). JSON, which is cut into shorter pieces, weighs a third more. Each message adds four tokens
and tools together what the vendor says it writes around them. A bound of the cost is made of other
stuff, see `weight`: this here errs to both sides.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from app.wire.anthropic.weight import is_media

TOKENS_PER_REQUEST: Final = 3
TOKENS_PER_MESSAGE: Final = 4
TOKENS_AROUND_TOOLS: Final = 346
"""What the vendor's page on tool use gives for most of its models."""

TOKENS_OF_THINKING: Final = 28
"""An explanation of thinking, where it is switched on."""

TOKENS_PER_MEDIUM: Final = 1_600
"""An image of the largest size the vendor does not shrink; a document of a page or so."""


def estimate(body: Mapping[str, Any]) -> int:
    """Return about how many input tokens a validated body comes to."""
    total = TOKENS_PER_REQUEST + _content(body.get("system"))
    for message in body["messages"]:
        total += TOKENS_PER_MESSAGE + _content(message["content"])
    if tools := body.get("tools"):
        total += TOKENS_AROUND_TOOLS + sum(map(_json, tools)) + _json(body.get("tool_choice"))
    if (body.get("thinking") or {}).get("type") in ("enabled", "adaptive"):
        total += TOKENS_OF_THINKING
    return total + _json((body.get("output_config") or {}).get("format"))


def _content(content: Any) -> int:
    if isinstance(content, str):
        return _text(content)
    if isinstance(content, Mapping):
        return _block(content)
    if isinstance(content, list):
        return sum(map(_content, content))
    return 0


def _block(block: Mapping[str, Any]) -> int:
    if is_media(block):
        return TOKENS_PER_MEDIUM
    kind = block.get("type")
    if kind in ("text", "thinking"):
        return _content(block.get(kind))
    if kind == "redacted_thinking":
        return 0
    if "content" in block:
        return TOKENS_PER_MESSAGE + _content(block["content"])
    if isinstance(source := block.get("source"), Mapping):
        return _content(source.get("data")) + _content(source.get("content"))
    return _json({name: value for name, value in block.items() if name != "cache_control"})


def _json(value: Any) -> int:
    if value is None:
        return 0
    return _text(json.dumps(value, ensure_ascii=False, separators=(",", ":"))) * 4 // 3


def _text(text: str) -> int:
    beyond = 0 if text.isascii() else len(text.encode("utf-8", "surrogatepass")) - len(text)
    return -(-(5 * len(text) + 8 * beyond) // 20)
