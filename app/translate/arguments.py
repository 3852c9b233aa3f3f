"""Tool calls: their arguments as JSON text (chat) and as an object (messages), and their ids."""

import json
import re
from typing import Final, Never

from app.translate.reading import Body

UNPARSABLE: Final = "unparsable_arguments"
"""The one key of an input that stands for arguments which are no JSON object (a call cut short by
its length, say): the tool's owner sees what the model wrote instead of nothing."""


def as_object(arguments: str) -> Body:
    """Return arguments as the object a messages client expects; none at all are empty ones."""
    if not arguments.strip():
        return {}
    parsed = _parsed(arguments)
    return {UNPARSABLE: arguments} if parsed is None else parsed


def as_text(arguments: object) -> str:
    """Return arguments as the JSON text a chat client expects."""
    if isinstance(arguments, str):
        return arguments
    if isinstance(arguments, dict) and arguments.keys() == {UNPARSABLE}:
        written = arguments[UNPARSABLE]
        if isinstance(written, str):
            return written
    try:
        return json.dumps(arguments if isinstance(arguments, dict) else {}, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError):
        return "{}"


def canonical(arguments: str) -> str:
    """Return arguments in one spelling, so that streamed and whole ones compare equal."""
    return as_text(as_object(arguments))


def is_complete(arguments: str) -> bool:
    """True when the text is one whole JSON object, so that nothing can follow."""
    return arguments.rstrip().endswith("}") and _parsed(arguments) is not None


def safe_id(tool_id: str) -> str:
    """Return an id in the alphabet Anthropic asks of tool ids: letters, digits, _ and -."""
    return _UNSAFE.sub("_", tool_id)


def _parsed(arguments: str) -> Body | None:
    try:
        parsed = json.loads(arguments, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _refuse(constant: str) -> Never:
    raise ValueError(constant)


_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_-]")
