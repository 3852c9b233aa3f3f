"""What every upstream adapter promises, and how a failed call is classified."""

import errno
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp

from app.domain.attempt import Answer, Failure, FailureKind

RESPONSE_BYTES_MAX: Final = 32_000_000
"""A larger answer is refused, whatever the provider says."""

READ_BYTES: Final = 65_536
ERROR_CHARACTERS_MAX: Final = 500
TOKENS_MAX: Final = 1_000_000_000
"""A usage report above this is nonsense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One attempt as an adapter needs it. `request` is the client's body, byte for byte."""

    job_id: str
    attempt: int
    instrument: str
    model: str
    request: bytes
    input_tokens_max: int
    output_tokens_max: int
    timeout_s: float


class Provider(Protocol):
    """An adapter for one upstream. It never raises for what an upstream does."""

    async def complete(self, call: Call) -> Answer | Failure:
        """Make one call and return its answer, or why there is none."""


class TooLarge(Exception):
    """The provider sent more than RESPONSE_BYTES_MAX."""


def kind_of(status: int) -> FailureKind:
    """Classify a failed call by its status code, never by its text."""
    if status == 429:
        return FailureKind.RATE_LIMITED
    if status in (401, 402, 403, 404, 405) or 300 <= status < 400:
        return FailureKind.MISCONFIGURED
    if status in (408, 409, 425) or status >= 500:
        return FailureKind.RETRYABLE
    return FailureKind.REJECTED if status >= 400 else FailureKind.RETRYABLE


def failure_of(error: BaseException) -> Failure:
    """Classify a call that brought no status at all, by the type of its error."""
    return Failure(
        kind=FailureKind.RETRYABLE,
        symbol=symbol_of(error),
        message=f"The provider could not be reached or broke off ({symbol_of(error)}).",
    )


def symbol_of(error: BaseException) -> str:
    """Return the short name under which an attempt remembers a network failure."""
    if isinstance(error, OSError) and error.errno in (errno.ECONNRESET, errno.EPIPE):
        return "connection_reset"
    for kind, symbol in _SYMBOLS:
        if isinstance(error, kind):
            return symbol
    return "connection_broken"


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a provider asks us to wait; HTTP dates and nonsense count as unsaid."""
    for name, unit in (("retry-after-ms", 1_000), ("retry-after", 1)):
        value = headers.get(name)
        try:
            if value is not None:
                seconds = float(value) / unit
                if math.isfinite(seconds) and seconds >= 0:
                    return seconds
        except ValueError:
            continue
    return None


async def read_capped(response: aiohttp.ClientResponse) -> bytes:
    """Return the whole body. Raises TooLarge as soon as it passes RESPONSE_BYTES_MAX."""
    if (response.content_length or 0) > RESPONSE_BYTES_MAX:
        raise TooLarge
    chunks, total = [], 0
    async for chunk in response.content.iter_any():
        total += len(chunk)
        if total > RESPONSE_BYTES_MAX:
            raise TooLarge
        chunks.append(chunk)
    return b"".join(chunks)


_SYMBOLS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (aiohttp.ClientConnectorCertificateError, "tls_failed"),
    (aiohttp.ClientConnectorSSLError, "tls_failed"),
    (aiohttp.ClientConnectorDNSError, "dns_failed"),
    (aiohttp.ConnectionTimeoutError, "connect_timeout"),
    (TimeoutError, "timeout"),
    (aiohttp.ClientConnectorError, "connect_failed"),
    (aiohttp.ServerDisconnectedError, "connection_reset"),
    (aiohttp.ClientPayloadError, "answer_cut_short"),
    (aiohttp.TooManyRedirects, "redirected"),
    (ConnectionError, "connection_reset"),
    (TooLarge, "answer_too_large"),
    (UnicodeError, "dns_failed"),
)
