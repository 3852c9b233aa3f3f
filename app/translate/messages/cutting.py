"""A whole message cut into the events that stand for it, without the `message_stop`."""

import json
from typing import Any, Final

from app.translate.reading import Body, Json, mapping, mappings, word


def cut(body: Json) -> list[Body]:
    """Return the events."""
    report = mapping(body.get("usage"))
    message = {name: value for name, value in body.items() if name not in _ENDING}
    message |= {"content": [], "stop_reason": None, "stop_sequence": None}
    message["usage"] = {**report, "output_tokens": 0}
    ending = {name: body[name] for name in _ENDING if name in body}
    blocks = mappings(body.get("content"))
    return [
        {"type": "message_start", "message": message},
        *(event for index, block in enumerate(blocks) for event in _pieces(index, block)),
        {"type": "message_delta", "delta": ending, "usage": {"output_tokens": 0, **report}},
    ]


def _pieces(index: int, block: Json) -> list[Body]:
    start = dict(block)
    deltas: list[Body] = []
    for name, kind in _TEXTS.items():
        if (value := word(block.get(name))) is not None:
            start[name] = ""
            deltas.append({"type": kind, name: value})
    if (given := _written(block.get("input"))) is not None:
        start["input"] = {}
        deltas.append({"type": "input_json_delta", "partial_json": given})
    if cited := mappings(block.get("citations")):
        start["citations"] = []
        deltas += [{"type": "citations_delta", "citation": each} for each in cited]
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _written(given: Any) -> str | None:
    """Return an input as JSON text, or None when it has nothing, or nothing JSON can say."""
    if not isinstance(given, dict) or not given:
        return None
    try:
        return json.dumps(given, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return None


_TEXTS: Final = {"thinking": "thinking_delta", "signature": "signature_delta", "text": "text_delta"}
_ENDING: Final = ("stop_reason", "stop_sequence", "stop_details", "container")
"""What a `message_delta` tells of a message."""
