"""Request bodies taken off the wire."""

from typing import Final

from aiohttp import web

BODY_BYTES_MAX: Final = 64 * 1024 * 1024


class TooLarge(Exception):
    """The request body is larger than the simulator reads."""


async def body_of(request: web.BaseRequest) -> bytes:
    """Read a request body. Raises `TooLarge` beyond the limit."""
    content = request.content
    if content.is_eof():
        return content.read_nowait()
    parts, size = [], 0
    while not content.at_eof():
        part = await content.readany()
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise TooLarge(f"The request body is larger than {BODY_BYTES_MAX} bytes.")
        parts.append(part)
    return b"".join(parts)
