"""Chat Completions ⇄ Messages: requests, whole answers and streams, as pure functions.

docs/translation.md is the table of what becomes of every field.
"""

from app.domain.dialect import Dialect
from app.translate.answers import answer, events
from app.translate.names import tool_names
from app.translate.requests import request
from app.translate.stream import StreamTranslator

__all__ = ["Dialect", "StreamTranslator", "answer", "events", "request", "tool_names"]
