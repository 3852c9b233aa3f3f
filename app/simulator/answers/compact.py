"""JSON written the shortest way, so that equal values are equal texts."""

import json
from typing import Final

written: Final = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def rewritten(text: str) -> str:
    """Write JSON text anew, the shortest way; what is no JSON stays as it is."""
    try:
        return written(json.loads(text))
    except (ValueError, RecursionError):
        return text
