"""A call about to be spoilt, with all that is needed to do so."""

from dataclasses import dataclass

from aiohttp import web

from app.simulator import sending
from app.simulator.answers.choices import Choice, Told
from app.simulator.dialect import Dialect
from app.simulator.faults.plan import Rule
from app.simulator.replies import Reply
from app.simulator.streams import Ending, Streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """A call about to be spoilt: the reply it would have got, and the rule that spoils it."""

    request: web.BaseRequest
    dialect: Dialect
    reply: Reply
    rule: Rule
    gap_s: float
    streams: Streams

    @property
    def kind(self) -> str:
        """The content type of an honest answer."""
        return sending.EVENTS if self.reply.asked.stream else sending.JSON

    @property
    def body(self) -> bytes:
        """The honest answer in one piece."""
        return b"".join(self.reply.frames)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of an honest answer."""
        return self.dialect.headers(self.reply.request_id)

    async def sent(self, choices: list[Choice], told: Told) -> web.StreamResponse:
        """Send an answer in good form whose content is not what it should be."""
        frames = self.dialect.payload(self.reply.asked, choices, told)
        if self.reply.asked.stream:
            return await self.streamed(frames)
        return sending.whole(frames[0], headers=self.headers)

    async def streamed(
        self, frames: list[bytes], *, ending: Ending | None = None
    ) -> web.StreamResponse:
        """Send a stream, which an ending breaks off."""
        return await self.streams.send(
            self.request, frames, gap_s=self.gap_s, headers=self.headers, ending=ending
        )
