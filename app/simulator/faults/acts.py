"""What each fault does to an answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from aiohttp import web

from app.simulator import sending
from app.simulator.answers.choices import used
from app.simulator.failure import Failure
from app.simulator.faults import breaks, distortions
from app.simulator.faults.plan import MS_PER_S
from app.simulator.faults.spoilt import Spoilt

MEGABYTE: Final = 1_000_000
CUT_SHORT: Final = frozenset({"hang", "reset", "truncated", "cut_stream"})

_GARBAGE: Final = (
    b"<html><head><title>502</title></head><body>upstream said nothing</body></html>\n"
)

Fault: TypeAlias = Callable[[Spoilt], Awaitable[web.StreamResponse]]


async def spoil(spoilt: Spoilt) -> web.StreamResponse:
    """Answer as the rule says; the response returned may be one nobody will receive."""
    return await _FAULTS[spoilt.rule.fault](spoilt)


async def _status(spoilt: Spoilt) -> web.StreamResponse:
    rule = spoilt.rule
    after = rule.retry_after_s
    failure = Failure(
        status=rule.status,
        message=f"Simulated error {rule.status}.",
        code=rule.code,
        request_id=spoilt.reply.request_id,
    )
    headers = {} if after is None else {"Retry-After": str(after)}
    return spoilt.dialect.failure(failure, headers=headers)


async def _hang(_spoilt: Spoilt) -> web.StreamResponse:
    await breaks.hang()
    return web.Response()


async def _reset(spoilt: Spoilt) -> web.StreamResponse:
    breaks.reset(spoilt.request)
    return web.Response()


async def _garbage(_spoilt: Spoilt) -> web.StreamResponse:
    return sending.whole(_GARBAGE, kind="text/html")


async def _truncated(spoilt: Spoilt) -> web.StreamResponse:
    body = spoilt.body
    response = await sending.begun(spoilt.request, spoilt.kind, size=len(body))
    await response.write(body[: len(body) // 2])
    response.force_close()
    return response


async def _slow_drip(spoilt: Spoilt) -> web.StreamResponse:
    body = spoilt.body
    response = await sending.begun(spoilt.request, spoilt.kind, size=len(body))
    for at in range(len(body)):
        await response.write(body[at : at + 1])
        await asyncio.sleep(spoilt.rule.every_ms / MS_PER_S)
    return response


async def _wrong_usage(spoilt: Spoilt) -> web.StreamResponse:
    honest = used(spoilt.reply.asked.ask, spoilt.reply.choices)
    told = distortions.usage(honest, spoilt.rule.usage)
    return await spoilt.sent(spoilt.reply.choices, told)


async def _empty(spoilt: Spoilt) -> web.StreamResponse:
    silent = distortions.saying("", spoilt.reply.choices)
    left = [] if spoilt.rule.empty == "choices" else silent
    return await spoilt.sent(left, used(spoilt.reply.asked.ask, silent))


async def _huge(spoilt: Spoilt) -> web.StreamResponse:
    reply = spoilt.reply
    marked = distortions.saying(distortions.MARK, reply.choices[:1])
    told = used(reply.asked.ask, marked)
    body = b"".join(spoilt.dialect.payload(reply.asked, marked, told))
    before, _, after = body.partition(distortions.MARK.encode())
    padding = b"x" * MEGABYTE
    size = len(before + after) + MEGABYTE * spoilt.rule.megabytes
    response = await sending.begun(spoilt.request, spoilt.kind, size=size)
    await response.write(before)
    for _ in range(spoilt.rule.megabytes):
        await response.write(padding)
    await response.write(after)
    return response


async def _cut_stream(spoilt: Spoilt) -> web.StreamResponse:
    frames = spoilt.reply.frames
    after = spoilt.rule.after_events
    kept = max(1, len(frames) // 2) if after is None else after
    return await spoilt.streamed(frames[:kept], ending=breaks.ending(spoilt))


_FAULTS: Final[Mapping[str, Fault]] = {
    "status": _status,
    "hang": _hang,
    "reset": _reset,
    "garbage": _garbage,
    "truncated": _truncated,
    "slow_drip": _slow_drip,
    "wrong_usage": _wrong_usage,
    "empty": _empty,
    "huge": _huge,
    "cut_stream": _cut_stream,
}
