"""Limits on the wire: both vendors' headers, on what is granted and on what is refused."""

import math
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import falcon

from app.domain.dialect import OF_ENDPOINT, Dialect
from app.domain.limits.limit import Measure
from app.domain.limits.verdict import Reading
from app.gateway import Gateway
from app.services.accounts import Caller
from app.services.limiting.gate import Gate, Grant
from app.services.submit import Submission
from app.wire.surface import Surface

_NAMES: Final[Mapping[Dialect, str]] = {
    Dialect.CHAT: "x-ratelimit-{item}-{measure}",
    Dialect.MESSAGES: "anthropic-ratelimit-{measure}-{item}",
}
MEASURES: Final = (Measure.REQUESTS, Measure.TOKENS)
"""Neither vendor has a header for the calls that are open at once."""


class Limits:
    """The gate as handlers use it: before a submit, with the response at hand."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._gate = Gate(gateway)

    @contextmanager
    def call(
        self, resp: falcon.Response, surface: Surface, caller: Caller, submission: Submission
    ) -> Iterator[Grant]:
        """Let a call in that is open during the block, or until the stream it answers with ends.

        Raises RateLimited, with what the headers of the response tell.
        """
        grant = self._told(resp, surface, self._gate.call(caller, submission))
        with _open(resp, grant):
            yield grant

    @contextmanager
    def wait(self, resp: falcon.Response, caller: Caller) -> Iterator[None]:
        """Let a client in that waits for a job of its own, or follows one, as `call` does.

        It brings no work, but it holds a thread as long as a call. Raises RateLimited.
        """
        grant = self._gate.wait(caller)
        grant.check()
        with _open(resp, grant):
            yield

    def submit(
        self, resp: falcon.Response, surface: Surface, caller: Caller, submission: Submission
    ) -> Grant:
        """Let jobs in whose client does not wait. Raises RateLimited, and OutOfRange for lists."""
        return self._told(resp, surface, self._gate.submit(caller, submission))

    def _told(self, resp: falcon.Response, surface: Surface, grant: Grant) -> Grant:
        if not grant.verdict.alone:  # alone, this process does not know how much is left
            dialect = OF_ENDPOINT[surface.endpoint]
            resp.set_headers(headers(dialect, grant.verdict.readings, self._gateway.now()))
        grant.check()
        return grant


@contextmanager
def _open(resp: falcon.Response, grant: Grant) -> Iterator[None]:
    """Keep what was granted during the block, or until the stream it answers with ends."""
    try:
        yield
    except BaseException:
        grant.close()
        raise
    if resp.stream is None:
        grant.close()
    else:
        assert isinstance(resp.stream, Iterable)
        resp.stream = During(grant, resp.stream)


class During:
    """The frames of a stream; its call is open until they end, are closed, or nobody has them.

    A generator alone would not do: what closes one that was never begun runs nothing of it.
    """

    def __init__(self, grant: Grant, frames: Iterable[bytes]) -> None:
        self._frames = frames
        self._next = iter(frames)
        self._end = weakref.finalize(self, grant.close)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._next)
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        """Close the frames, if they can be closed, and the call."""
        try:
            close = getattr(self._frames, "close", None)
            if close is not None:
                close()
        finally:
            self._end()


def headers(dialect: Dialect, readings: Sequence[Reading], now: datetime) -> dict[str, str]:
    """Return a vendor's headers of the limits that were asked; none where there is no limit.

    Of the key's limit and the account's, the one is told that has less left. OpenAI gives the time
    until all of it is back as a duration, Anthropic as a moment (both: "Rate limits").
    """
    told: dict[str, str] = {}
    for measure in MEASURES:
        found = [each for each in readings if each.limit.measure is measure]
        if not found:
            continue
        tightest = min(found, key=lambda each: each.remaining)
        reset_s = tightest.reset_s
        items = {
            "limit": str(tightest.limit.most),
            "remaining": str(tightest.remaining),
            "reset": _duration(reset_s) if dialect is Dialect.CHAT else _moment(now, reset_s),
        }
        for item, value in items.items():
            told[_NAMES[dialect].format(item=item, measure=measure)] = value
    return told


def _duration(seconds: float) -> str:
    """12ms, 6s, 1m30s: in milliseconds below a second, then in whole seconds; rounded up."""
    if seconds <= 0:
        return "0s"
    if seconds < 1:
        return f"{math.ceil(seconds * 1_000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _moment(now: datetime, seconds: float) -> str:
    """Return an RFC 3339 time in UTC, in whole seconds; rounded up."""
    at = now + timedelta(seconds=seconds)
    whole = at.replace(microsecond=0) + timedelta(seconds=1 if at.microsecond else 0)
    return f"{whole:%Y-%m-%dT%H:%M:%SZ}"
