"""One chat call: counted, delayed, and answered or spoilt."""

import asyncio
from typing import Final

from aiohttp import web

from app.simulator import sending
from app.simulator.calls import Calls
from app.simulator.faults.acts import CUT_SHORT, Spoilt, spoil
from app.simulator.faults.plan import MS_PER_S, Call, Fate, Faults
from app.simulator.openai import writing
from app.simulator.openai.reading import Refused
from app.simulator.receiving import body_of
from app.simulator.replies import Reply, reply

JOB_HEADER: Final = "Idempotency-Key"
ATTEMPT_HEADER: Final = "X-Busbar-Attempt"


class Chats:
    """The door for chat calls."""

    def __init__(self, calls: Calls, faults: Faults) -> None:
        self._calls = calls
        self._faults = faults

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one call, which counts from when its body is in until its answer is out."""
        body = await body_of(request)
        job = request.headers.get(JOB_HEADER, "")
        attempt = request.headers.get(ATTEMPT_HEADER, "1")
        era = self._calls.begin(job, attempt)
        answered = False
        try:
            response, answered = await self._answer(request, body, job=job, attempt=attempt)
        finally:
            self._calls.end(era, answered=answered)
        return response

    async def _answer(
        self, request: web.BaseRequest, body: bytes, *, job: str, attempt: str
    ) -> tuple[web.StreamResponse, bool]:
        """Return the response, and whether it is one the client receives in full."""
        try:
            honest = reply(body)
        except Refused as refused:
            return _refusal(refused), True
        if not self._faults.quiet:
            fate = self._fate(honest, job=job, attempt=attempt)
            if fate.delay_s:
                await asyncio.sleep(fate.delay_s)
            if fate.rule is not None:
                self._calls.faults[fate.rule.fault] += 1
                spoilt = Spoilt(request=request, reply=honest, rule=fate.rule, gap_s=self._gap_s)
                return await spoil(spoilt), fate.rule.fault not in CUT_SHORT
        if honest.chat.stream:
            return await sending.events(request, honest.frames, gap_s=self._gap_s), True
        return sending.swift(request, honest.frames[0]), True

    def _fate(self, honest: Reply, *, job: str, attempt: str) -> Fate:
        chat = honest.chat
        return self._faults.fate(
            Call(
                job=job,
                attempt=int(attempt) if attempt.isdecimal() else 1,
                model=chat.ask.model,
                prompt=chat.ask.prompt,
                stream=chat.stream,
            )
        )

    @property
    def _gap_s(self) -> float:
        return self._faults.plan.latency.chunk_ms / MS_PER_S


def _refusal(refused: Refused) -> web.Response:
    body = writing.error(refused.status, refused.message, code=refused.code, param=refused.param)
    return sending.whole(body, status=refused.status)
