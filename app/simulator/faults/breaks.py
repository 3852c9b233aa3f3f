"""How a connection or a stream breaks off."""

import asyncio
import socket
import struct
from typing import Final

from aiohttp import web

from app.simulator.failure import Failure
from app.simulator.faults.spoilt import Spoilt
from app.simulator.streams import Ending

_NO_LINGER: Final = struct.pack("ii", 1, 0)
_GARBAGE_EVENT: Final = b'event: gar\x00bage\ndata: {"type":"conte\n\n'


def ending(spoilt: Spoilt) -> Ending:
    """Return what breaks off a stream, as its rule says."""
    rule = spoilt.rule

    async def end(request: web.BaseRequest, response: web.StreamResponse) -> None:
        if rule.ending == "hang":
            await hang()
        elif rule.ending == "reset":
            reset(request)
        elif rule.ending == "garbage":
            await response.write(_GARBAGE_EVENT)
        elif rule.ending == "error":
            failure = Failure(
                status=rule.status,
                message=f"Simulated error {rule.status} in the middle of a stream.",
                code=rule.code,
                request_id=spoilt.reply.request_id,
            )
            await response.write(spoilt.dialect.error_event(spoilt.dialect.error(failure)))

    return end


async def hang() -> None:
    """Wait until the client leaves, when the server cancels the call; nothing else ends this."""
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await never


def reset(request: web.BaseRequest) -> None:
    """Reset the connection."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()
