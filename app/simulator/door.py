"""The doors for calls, whatever protocol they are made in."""

import asyncio
from typing import Final

from aiohttp import web

from app.simulator import sending
from app.simulator.answers.asking import Refused
from app.simulator.calls import Calls
from app.simulator.dialect import Dialect
from app.simulator.failure import Failure
from app.simulator.faults.acts import CUT_SHORT, spoil
from app.simulator.faults.plan import MS_PER_S, Call, Fate, Faults
from app.simulator.faults.spoilt import Spoilt
from app.simulator.heard import Heard
from app.simulator.receiving import TooLarge, body_of
from app.simulator.replies import Replies, Reply

JOB_HEADER: Final = "Idempotency-Key"
ATTEMPT_HEADER: Final = "X-Busbar-Attempt"


class Door:
    """Where calls of one dialect come in: each is counted, delayed, and answered or spoilt."""

    def __init__(self, dialect: Dialect, *, calls: Calls, faults: Faults, heard: Heard) -> None:
        self._dialect = dialect
        self._replies = Replies(dialect)
        self._calls = calls
        self._faults = faults
        self._heard = heard

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one call, which counts from when its body is in until its answer is out."""
        try:
            body = await body_of(request)
        except TooLarge as problem:
            return self._dialect.failure(Failure(status=413, message=str(problem)))
        self._heard.note(request, body)
        job = request.headers.get(JOB_HEADER, "")
        attempt = request.headers.get(ATTEMPT_HEADER, "1")
        era = self._calls.begin(job, attempt)
        answered = aborted = False
        try:
            response, answered = await self._answer(request, body, job=job, attempt=attempt)
        except (asyncio.CancelledError, ConnectionError):
            aborted = True
            raise
        finally:
            self._calls.end(era, answered=answered, aborted=aborted)
        return response

    async def _answer(
        self, request: web.BaseRequest, body: bytes, *, job: str, attempt: str
    ) -> tuple[web.StreamResponse, bool]:
        """Return the response, and whether it is one the client receives in full."""
        try:
            honest = self._replies.reply(body)
        except Refused as refused:
            return self._dialect.refusal(refused), True
        streams = self._calls.streams
        if not self._faults.quiet:
            fate = self._fate(honest, job=job, attempt=attempt)
            if fate.delay_s:
                await asyncio.sleep(fate.delay_s)
            if fate.rule is not None:
                self._calls.faults[fate.rule.fault] += 1
                spoilt = Spoilt(
                    request=request,
                    dialect=self._dialect,
                    reply=honest,
                    rule=fate.rule,
                    gap_s=self._gap_s,
                    streams=streams,
                )
                return await spoil(spoilt), fate.rule.fault not in CUT_SHORT
        frames = honest.frames
        swift = None if honest.asked.stream else sending.swift(request, honest.head + frames[0])
        if swift is not None:
            return swift, True
        headers = self._dialect.headers(honest.request_id)
        if honest.asked.stream:
            return await streams.send(request, frames, gap_s=self._gap_s, headers=headers), True
        return sending.whole(frames[0], headers=headers), True

    def _fate(self, honest: Reply, *, job: str, attempt: str) -> Fate:
        asked = honest.asked
        return self._faults.fate(
            Call(
                job=job,
                attempt=int(attempt) if attempt.isdecimal() else 1,
                model=asked.ask.model,
                prompt=asked.ask.prompt,
                stream=asked.stream,
            )
        )

    @property
    def _gap_s(self) -> float:
        return self._faults.plan.latency.chunk_ms / MS_PER_S
