"""Which dialect a request speaks: told by its path, on shared paths by its version header.

Every Anthropic client sends `anthropic-version` with each request, and no OpenAI client does.
"""

from typing import Final

from app.domain.dialect import Dialect
from app.domain.errors import InvalidRequest

VERSION_HEADER: Final = "anthropic-version"
VERSIONS: Final = ("2023-06-01", "2026-10-21")
"""The versions of the Messages API that clients in use send; here they are served alike."""

SHOWN_CHARACTERS_MAX: Final = 40

MESSAGES_PATH: Final = "/v1/messages"
CHAT_PATHS: Final = ("/v1/chat", "/v1/jobs", "/v1/balance", "/v1/diagnostics")
"""Paths with one form of answer, whatever a client's other habits are."""


def dialect_of(path: str, version: str | None) -> Dialect:
    """Return the dialect in which a request to `path` is answered, errors included."""
    if _is_within(path, MESSAGES_PATH):
        return Dialect.MESSAGES
    if not version or any(_is_within(path, each) for each in CHAT_PATHS):
        return Dialect.CHAT
    return Dialect.MESSAGES


def check_version(version: str | None) -> None:
    """Raise InvalidRequest for a version nobody here knows; a client may leave it out."""
    if version and version not in VERSIONS:
        shown = version[:SHOWN_CHARACTERS_MAX]
        known = " or ".join(VERSIONS)
        message = f"{VERSION_HEADER}: {shown!r} is not served here; send {known}."
        raise InvalidRequest(message, param=VERSION_HEADER)


def _is_within(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")
