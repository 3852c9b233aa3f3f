"""Ready-made requests: chat bodies of one size, and HTTP requests as bytes."""

import json
from typing import Any, Final

INSTRUMENT: Final = "text-prime"
BODY_BYTES: Final = 480
OUTPUT_TOKENS: Final = 64
CHAT: Final = "/v1/chat/completions"
JOBS: Final = "/v1/jobs"

_FILLER: Final = "The tides follow the moon, and the harbour follows the tides. "


def chat(number: int) -> dict[str, Any]:
    """Return a chat body of BODY_BYTES bytes; another number makes another prompt."""
    bare = len(dumped(_chat(f"Prompt {number:08d}: ")))
    filler = (_FILLER * (BODY_BYTES // len(_FILLER) + 1))[: BODY_BYTES - bare]
    return _chat(f"Prompt {number:08d}: {filler}")


def dumped(body: dict[str, Any]) -> bytes:
    """Return a body as bytes."""
    return json.dumps(body, separators=(",", ":")).encode()


def post(path: str, key: str, body: bytes, *headers: str) -> bytes:
    """Return a whole HTTP request."""
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def _chat(prompt: str) -> dict[str, Any]:
    return {
        "model": INSTRUMENT,
        "max_tokens": OUTPUT_TOKENS,
        "messages": [
            {"role": "system", "content": "You answer in one short sentence."},
            {"role": "user", "content": prompt},
        ],
    }
