"""What a protocol must know: how its requests are read, and its answers and errors written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from app.simulator import sending
from app.simulator.answers.asking import Asked, Refused
from app.simulator.answers.choices import Choice, Told
from app.simulator.failure import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """A protocol the simulator speaks.

    `payload` writes an answer as it was asked for: one body, or the events of a stream. `error`
    writes an error's body, and `error_event` frames one for the middle of a stream. `id_header`
    names the request's id.
    """

    read: Callable[[bytes], Asked]
    payload: Callable[[Asked, list[Choice], Told], list[bytes]]
    error: Callable[[Failure], bytes]
    error_event: Callable[[bytes], bytes]
    id_header: str

    def headers(self, request_id: str) -> dict[str, str]:
        """Return the headers every answer has."""
        return {self.id_header: request_id}

    def refusal(self, refused: Refused) -> web.Response:
        """Answer that a request is not in order."""
        return self.failure(
            Failure(
                status=refused.status,
                message=refused.message,
                code=refused.code,
                param=refused.param,
            )
        )

    def failure(
        self, failure: Failure, *, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        """Answer with an error."""
        told = {**self.headers(failure.request_id), **(headers or {})}
        return sending.whole(self.error(failure), status=failure.status, headers=told)
