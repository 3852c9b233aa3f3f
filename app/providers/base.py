"""What every upstream adapter promises, and how a failed call is classified."""

import errno
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol

import aiohttp

from app.domain.attempt import Answer, Failure, FailureKind
from app.domain.dialect import Dialect
from app.domain.pricing import Usage

RESPONSE_BYTES_MAX: Final = 32_000_000
"""A larger answer is refused, whatever the provider says."""

READ_BYTES: Final = 65_536
ERROR_CHARACTERS_MAX: Final = 500
TOKENS_MAX: Final = 1_000_000_000
"""A usage report above this is nonsense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One attempt as an adapter needs it. `request` is the client's body, byte for byte.

    `dialect` is what the client speaks; `betas` is what it said of the Messages API in its headers
    (`app.wire.anthropic.headers`). `reasoning` is the route's. `created` is when the call begins,
    in Unix seconds, for answers whose upstream does not say it.
    """

    job_id: str
    attempt: int
    dialect: Dialect
    instrument: str
    model: str
    request: bytes
    betas: str | None = None
    reasoning: bool | None = None
    created: int = 0
    input_tokens_max: int
    output_tokens_max: int
    timeout_s: float


class Live(Protocol):
    """Where the frames of a stream go. `emit` never waits.

    `cut_short` is set before a call is cancelled whose client has left or cancelled it, when what
    had come until then is kept and paid for.
    """

    cut_short: bool

    def emit(self, frame: bytes) -> None:
        """Send one frame on."""


class Provider(Protocol):
    """An adapter for one upstream. It never raises for what an upstream does."""

    async def complete(self, call: Call) -> Answer | Failure:
        """Make one call and return its answer, or why there is none."""

    async def stream(self, call: Call, live: Live) -> Answer | Failure:
        """Make one call, send its frames on as they come, and return the whole answer."""


def read_counts(
    call: Call, *, sent: Any, got: Any, cached: Any, reasoned: Any
) -> tuple[Usage | None, tuple[str, ...]]:
    """Return a provider's counts of tokens, or None and a flag when they cannot be believed.

    They are believed up to twice what the request can hold: counters differ, but not by more.
    """
    counts = (sent, got, cached, reasoned)
    if not all(type(count) is int and 0 <= count <= TOKENS_MAX for count in counts):
        return None, ("usage_invalid",)
    if sent > 2 * call.input_tokens_max or got > 2 * call.output_tokens_max:
        return None, ("usage_absurd",)
    return (
        Usage(
            input_tokens=sent,
            output_tokens=got,
            cached_tokens=min(cached, sent),
            reasoning_tokens=min(reasoned, got),
        ),
        (),
    )


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


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds a provider asks us to wait; nonsense counts as unsaid.

    `retry-after-ms` goes before Retry-After, which is seconds or a date (RFC 9110 §10.2.3).
    """
    for name, read in _RETRY_AFTER:
        value = headers.get(name)
        try:
            if value is not None:
                seconds = read(value, now)
                if math.isfinite(seconds) and seconds >= 0:
                    return seconds
        except ValueError:
            continue
    return None


def _seconds_until(date: str, now: datetime) -> float:
    until = parsedate_to_datetime(date)
    # "-0000" says nothing of a time zone; a date in HTTP is always GMT.
    left = until.replace(tzinfo=until.tzinfo or UTC) - now
    return max(0.0, left.total_seconds())


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


_RETRY_AFTER: Final[tuple[tuple[str, Callable[[str, datetime], float]], ...]] = (
    ("retry-after-ms", lambda value, _: float(value) / 1_000),
    ("retry-after", lambda value, _: float(value)),
    ("retry-after", _seconds_until),
)
"""Each header and how to read it; the first that can be read counts."""

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
