"""Answers sent as streams of events, and the count of how those went."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeAlias

from aiohttp import web

from app.simulator import sending

Ending: TypeAlias = Callable[[web.BaseRequest, web.StreamResponse], Awaitable[None]]
"""What breaks a stream off in place of what was still to come."""


class Streams:
    """How many streams began, and how they ended: in full, broken by a fault, left by the client.

    A stream begins when the head of its answer is sent.
    """

    __slots__ = ("aborted", "begun", "broken", "ended")

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.broken = 0
        self.aborted = 0

    def figures(self) -> dict[str, int]:
        """Return the counts, and how many streams are open."""
        closed = self.ended + self.broken + self.aborted
        return {
            "begun": self.begun,
            "ended": self.ended,
            "broken": self.broken,
            "aborted": self.aborted,
            "open": self.begun - closed,
        }

    async def send(
        self,
        request: web.BaseRequest,
        frames: Iterable[bytes],
        *,
        gap_s: float,
        headers: Mapping[str, str],
        ending: Ending | None = None,
    ) -> web.StreamResponse:
        """Answer with a stream, each frame sent as soon as it is there and `gap_s` after the last.

        With an `ending` it is broken off after its frames.
        """
        response = await sending.begun(request, sending.EVENTS, headers=headers)
        self.begun += 1
        try:
            for index, frame in enumerate(frames):
                if gap_s and index:
                    await asyncio.sleep(gap_s)
                await response.write(frame)
            if ending is None:
                await response.write_eof()
            else:
                await ending(request, response)
        except (asyncio.CancelledError, ConnectionError):
            self.aborted += 1
            raise
        if ending is None:
            self.ended += 1
        else:
            self.broken += 1
        return response
