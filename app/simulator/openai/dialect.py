"""The OpenAI chat protocol, put together."""

from typing import Final

from app.simulator.dialect import Dialect
from app.simulator.openai import reading, writing

CHAT: Final = Dialect(
    read=reading.read,
    payload=writing.payload,
    error=writing.error,
    error_event=writing.error_event,
    id_header="x-request-id",
)
