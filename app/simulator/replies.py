"""The honest reply to a request body, worked out once for bodies that keep coming back."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.simulator.answers.choices import Choice, answer
from app.simulator.answers.schema_reading import Unfit
from app.simulator.openai import writing
from app.simulator.openai.reading import Chat, Refused, read

KEPT: Final = 1_000  # replies, of some 3 kB each
KEPT_BODY_BYTES_MAX: Final = 8_192  # with the largest replies this makes 40 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a request is answered with: one frame, or the events of a stream."""

    chat: Chat
    choices: list[Choice]
    frames: list[bytes]


def reply(body: bytes) -> Reply:
    """Work out the reply to a request body. Raises `Refused` where it is not in order."""
    return _kept(body) if len(body) <= KEPT_BODY_BYTES_MAX else _made(body)


def _made(body: bytes) -> Reply:
    chat = read(body)
    try:
        choices = answer(chat.ask)
    except Unfit as unfit:
        raise Refused(400, str(unfit), code="invalid_schema") from unfit
    frames = writing.payload(chat, choices, writing.usage(chat.ask, choices))
    return Reply(chat=chat, choices=choices, frames=frames)


_kept = lru_cache(maxsize=KEPT)(_made)
