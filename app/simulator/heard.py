"""The latest requests as they came in: what a gateway really sent, headers and all."""

import json
from collections import deque
from collections.abc import Mapping
from typing import Final, TypeAlias

from aiohttp import web

LATEST_MAX: Final = 50
BODY_BYTES_MAX: Final = 1_000_000  # of a request whose body is kept


_Request: TypeAlias = tuple[str, str, Mapping[str, str], int, bytes]


class Heard:
    """The latest requests for answers and token counts."""

    def __init__(self) -> None:
        self._latest: deque[_Request] = deque(maxlen=LATEST_MAX)

    def reset(self) -> None:
        """Forget all requests."""
        self._latest.clear()

    def note(self, request: web.BaseRequest, body: bytes) -> None:
        """Remember a request."""
        kept = body if len(body) <= BODY_BYTES_MAX else b""
        self._latest.append((request.method, request.raw_path, request.headers, len(body), kept))

    def shown(self) -> list[dict[str, object]]:
        """Return the requests, oldest first: the names of headers in small letters."""
        return [
            {
                "method": method,
                "path": path,
                "headers": {name.lower(): value for name, value in headers.items()},
                "bytes": size,
                "body": _body(kept),
            }
            for method, path, headers, size, kept in self._latest
        ]


def _body(kept: bytes) -> object:
    """Return a body as the JSON it is, or as text, or None where it was too large to keep."""
    try:
        return json.loads(kept) if kept else None
    except (ValueError, RecursionError):
        return kept.decode(errors="replace")
