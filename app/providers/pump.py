"""A stream pumped from an upstream to its client, until the upstream says that it is done."""

import asyncio
from typing import Final

import aiohttp

from app.domain.attempt import Failure
from app.providers.base import RESPONSE_BYTES_MAX, Call, Live, TooLarge
from app.providers.outcomes import broken, parsed
from app.translate import StreamTranslator
from app.wire import sse

END_S: Final = 0.1
"""How long after a stream's last event its connection may take to end, to be used again."""


async def pump(
    response: aiohttp.ClientResponse, told: StreamTranslator, call: Call, live: Live
) -> Failure | None:
    """Send on what comes until the upstream says that it is done; return why, if it does not.

    Raises TooLarge, and what a connection that breaks raises.
    """
    parser, total = sse.Parser(), 0
    async for chunk in response.content.iter_any():
        total += len(chunk)
        if total > RESPONSE_BYTES_MAX:
            raise TooLarge
        for received in parser.feed(chunk):
            if received.data.startswith(b"[DONE]"):
                await _end(response)
                return _unsaid(told)
            event = parsed(received.data)
            if event is not None and event.get("error"):
                return broken("stream_error", "The provider broke its stream off with an error.")
            for each in told.feed(event or {}):
                live.emit(sse.frame(each, call.dialect))
            if received.name == "message_stop":
                await _end(response)
                return _unsaid(told)
    return None if told.finished else _cut_short()


async def _end(response: aiohttp.ClientResponse) -> None:
    """Read to the very end, so that the connection can be used again; but wait for none."""
    try:
        async with asyncio.timeout(END_S):
            await response.content.readany()
    except (TimeoutError, aiohttp.ClientError):
        response.close()


def _unsaid(told: StreamTranslator) -> Failure | None:
    """Return the failure of an upstream that said goodbye and nothing else.

    One that said something was done, even where it did not say why.
    """
    return None if told.finished or told.has_content else _cut_short()


def _cut_short() -> Failure:
    return broken("answer_cut_short", "The provider's stream ended before its answer did.")
