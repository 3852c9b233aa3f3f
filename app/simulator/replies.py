"""The honest reply to a request body, worked out once for bodies that keep coming back."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.simulator import sending
from app.simulator.answers.asking import Asked, Refused
from app.simulator.answers.choices import Choice, answer, used
from app.simulator.answers.schema_reading import Unfit
from app.simulator.dialect import Dialect

KEPT: Final = 1_000  # replies, of some 3 kB each
KEPT_BODY_BYTES_MAX: Final = 8_192  # with the largest replies this makes 40 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a request is answered with: one frame with its head, or the events of a stream."""

    asked: Asked
    choices: list[Choice]
    frames: list[bytes]
    request_id: str
    head: bytes


class Replies:
    """The replies in one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._kept = lru_cache(maxsize=KEPT)(self._made)

    def reply(self, body: bytes) -> Reply:
        """Work out the reply to a request body. Raises `Refused` where it is not in order."""
        return self._kept(body) if len(body) <= KEPT_BODY_BYTES_MAX else self._made(body)

    def _made(self, body: bytes) -> Reply:
        asked = self._dialect.read(body)
        try:
            choices = answer(asked.ask)
        except Unfit as unfit:
            raise Refused(400, str(unfit), code="invalid_schema") from unfit
        frames = self._dialect.payload(asked, choices, used(asked.ask, choices))
        name = f"req_{choices[0].name}"
        head = sending.head(len(frames[0]), (self._dialect.id_header, name))
        return Reply(asked=asked, choices=choices, frames=frames, request_id=name, head=head)
