"""What each fault does to an answer."""

import asyncio
import dataclasses
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from aiohttp import web

from app.simulator import sending
from app.simulator.answers.choices import Choice, Finish
from app.simulator.faults.plan import MS_PER_S, Rule
from app.simulator.openai import writing
from app.simulator.replies import Reply

MEGABYTE: Final = 1_000_000
ABSURD_TOKENS: Final = 10**15
CUT_SHORT: Final = frozenset({"hang", "reset", "truncated", "cut_stream"})

_GARBAGE: Final = (
    b"<html><head><title>502</title></head><body>upstream said nothing</body></html>\n"
)
_NO_LINGER: Final = struct.pack("ii", 1, 0)
_EMPTY_CONTENT: Final = b'"content":""'
_WRONG_USAGE: Final[Mapping[str, str | None]] = {
    "missing": None,
    "null": "null",
    "negative": '{"prompt_tokens":-7,"completion_tokens":-9,"total_tokens":-16}',
    "absurd": (
        f'{{"prompt_tokens":{ABSURD_TOKENS},"completion_tokens":{ABSURD_TOKENS},'
        f'"total_tokens":{2 * ABSURD_TOKENS}}}'
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """A call about to be spoilt: the reply it would have got, and the rule that spoils it."""

    request: web.BaseRequest
    reply: Reply
    rule: Rule
    gap_s: float

    @property
    def kind(self) -> str:
        """The content type of an honest answer."""
        return sending.EVENTS if self.reply.chat.stream else sending.JSON

    @property
    def body(self) -> bytes:
        """The honest answer in one piece."""
        return b"".join(self.reply.frames)

    async def sent(self, choices: list[Choice], used: str | None) -> web.StreamResponse:
        """Send an answer in good form whose content is not what it should be."""
        frames = writing.payload(self.reply.chat, choices, used)
        if self.reply.chat.stream:
            return await sending.events(self.request, frames, gap_s=self.gap_s)
        return sending.whole(frames[0])


Fault: TypeAlias = Callable[[Spoilt], Awaitable[web.StreamResponse]]


async def spoil(spoilt: Spoilt) -> web.StreamResponse:
    """Answer as the rule says; the response returned may be one nobody will receive."""
    return await _FAULTS[spoilt.rule.fault](spoilt)


async def _status(spoilt: Spoilt) -> web.StreamResponse:
    rule = spoilt.rule
    after = rule.retry_after_s
    headers = {} if after is None else {"Retry-After": str(after)}
    body = writing.error(rule.status, f"Simulated error {rule.status}.", code=rule.code)
    return sending.whole(body, status=rule.status, headers=headers)


async def _hang(_spoilt: Spoilt) -> web.StreamResponse:
    # The server cancels the call when the client leaves; nothing else ends this wait.
    never: asyncio.Future[web.StreamResponse] = asyncio.get_running_loop().create_future()
    return await never


async def _reset(spoilt: Spoilt) -> web.StreamResponse:
    transport = spoilt.request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()
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
    return await spoilt.sent(spoilt.reply.choices, _WRONG_USAGE[spoilt.rule.usage])


async def _empty(spoilt: Spoilt) -> web.StreamResponse:
    silent = [_silent(choice) for choice in spoilt.reply.choices]
    left = [] if spoilt.rule.empty == "choices" else silent
    return await spoilt.sent(left, writing.usage(spoilt.reply.chat.ask, silent))


async def _huge(spoilt: Spoilt) -> web.StreamResponse:
    chat = spoilt.reply.chat
    silent = [_silent(choice) for choice in spoilt.reply.choices[:1]]
    frames = writing.payload(chat, silent, writing.usage(chat.ask, silent))
    before, mark, after = b"".join(frames).partition(_EMPTY_CONTENT)
    padding = b"x" * MEGABYTE
    size = len(before + mark + after) + MEGABYTE * spoilt.rule.megabytes
    response = await sending.begun(spoilt.request, spoilt.kind, size=size)
    await response.write(before + mark[:-1])
    for _ in range(spoilt.rule.megabytes):
        await response.write(padding)
    await response.write(mark[-1:] + after)
    return response


async def _cut_stream(spoilt: Spoilt) -> web.StreamResponse:
    frames = spoilt.reply.frames
    kept = frames[: max(1, len(frames) // 2)]
    return await sending.events(spoilt.request, kept, gap_s=spoilt.gap_s)


def _silent(choice: Choice) -> Choice:
    return dataclasses.replace(choice, text="", tokens=0, tool=None, finish=Finish.STOP)


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
