"""The two ways to ask for a completion and to answer: OpenAI's chat and Anthropic's messages."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Dialect(StrEnum):
    """A request, its answer and its stream are all in one dialect; so is an upstream."""

    CHAT = "chat"
    MESSAGES = "messages"


OF_ENDPOINT: Final[Mapping[str, Dialect]] = {
    "/v1/chat/completions": Dialect.CHAT,
    "/v1/messages": Dialect.MESSAGES,
}
