"""The Anthropic messages protocol, put together."""

from typing import Final

from app.simulator.anthropic import reading, writing
from app.simulator.dialect import Dialect

MESSAGES: Final = Dialect(
    read=reading.read,
    payload=writing.payload,
    error=writing.error,
    error_event=writing.error_event,
    id_header="request-id",
)
