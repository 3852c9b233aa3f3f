"""The door for token counts, which are free, never delayed and never spoilt."""

from aiohttp import web

from app.simulator import sending
from app.simulator.answers.asking import Refused
from app.simulator.anthropic import reading
from app.simulator.anthropic.dialect import MESSAGES
from app.simulator.calls import Calls
from app.simulator.failure import Failure
from app.simulator.heard import Heard
from app.simulator.receiving import TooLarge, body_of


class Weighing:
    """Tells what a prompt weighs."""

    def __init__(self, *, calls: Calls, heard: Heard) -> None:
        self._calls = calls
        self._heard = heard

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer with the tokens the prompt would be charged for; count the question."""
        try:
            body = await body_of(request)
        except TooLarge as problem:
            return MESSAGES.failure(Failure(status=413, message=str(problem)))
        self._heard.note(request, body)
        self._calls.weighed += 1
        try:
            weight = reading.weigh(body)
        except Refused as refused:
            return MESSAGES.refusal(refused)
        return sending.whole(b'{"input_tokens":%d}' % weight)
