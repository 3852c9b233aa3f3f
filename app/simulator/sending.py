"""Answers put on the wire: whole, as a stream of events, or raw."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from aiohttp import HttpVersion11, web

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"

_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def whole(
    body: bytes, *, status: int = 200, kind: str = JSON, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer with one body."""
    return web.Response(status=status, body=body, headers={"Content-Type": kind, **(headers or {})})


def swift(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """Answer with one JSON body, in a single write where the connection allows it."""
    transport = request.transport
    plain = request.keep_alive and request.version == HttpVersion11
    if plain and transport is not None and not transport.get_write_buffer_size():
        return _Swift(_HEAD % len(body) + body)
    return whole(body)


async def events(
    request: web.BaseRequest, frames: Iterable[bytes], *, gap_s: float
) -> web.StreamResponse:
    """Answer with a stream, each frame sent as soon as it is there and `gap_s` after the last."""
    response = await begun(request, EVENTS)
    for index, frame in enumerate(frames):
        if gap_s and index:
            await asyncio.sleep(gap_s)
        await response.write(frame)
    await response.write_eof()
    return response


async def begun(
    request: web.BaseRequest, kind: str, *, size: int | None = None
) -> web.StreamResponse:
    """Send the head of an answer, which promises `size` bytes or else is sent in chunks."""
    response = web.StreamResponse(headers={"Content-Type": kind, "Cache-Control": "no-cache"})
    response.content_length = size
    await response.prepare(request)
    return response


class _Swift(web.StreamResponse):
    """An answer with a ready-made head, which saves about a sixth of the CPU a call costs."""

    def __init__(self, wire: bytes) -> None:
        super().__init__()
        self._wire = wire

    @property
    def keep_alive(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError
        request.transport.write(self._wire)

    async def write_eof(self, _data: bytes = b"") -> None:
        """Do nothing: all is written."""
