"""Tool names as every vendor takes them, and the client's own ones for what comes back."""

import hashlib
import re
from typing import Final

from app.domain.dialect import Dialect
from app.translate.reading import Json, mapping, mappings, text

NAME_CHARACTERS_MAX: Final = 64
"""OpenAI's limit ("name" of a function in its API reference); Anthropic took no more for long."""

DIGEST_CHARACTERS: Final = 10
"""Of a name's SHA-256, in hexadecimal: enough to tell the tools of one request apart."""


def fitting(name: str) -> str:
    """Return a name of letters, digits, `_` and `-`, not too long; one that fits is left alone.

    The same name always becomes the same one, so that it is one over a whole conversation.
    """
    if not name or _FITTING.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    kept = _UNSAFE.sub("_", name)[: NAME_CHARACTERS_MAX - DIGEST_CHARACTERS - 1]
    return f"{kept}_{digest[:DIGEST_CHARACTERS]}"


def tool_names(body: Json, source: Dialect, target: Dialect) -> dict[str, str]:
    """Return, for each tool an upstream (target) knows by another name, the client's (source)."""
    if source == target:
        return {}
    offered = _of_chat(body) if source == Dialect.CHAT else _of_messages(body)
    return {fitting(name): name for name in offered if fitting(name) != name}


def _of_chat(body: Json) -> list[str]:
    functions = mappings(body.get("functions"))
    for tool in mappings(body.get("tools")):
        functions += [mapping(tool.get("function")), mapping(tool.get("custom"))]
    return [text(function.get("name")) for function in functions]


def _of_messages(body: Json) -> list[str]:
    return [text(tool.get("name")) for tool in mappings(body.get("tools"))]


_FITTING: Final = re.compile(rf"[a-zA-Z0-9_-]{{1,{NAME_CHARACTERS_MAX}}}")
_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_-]")
