"""The line to Redis: scripts run on it, many at a time, and it knows when nobody answers."""

import hashlib
import logging
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.limiter import scripts

TIMEOUT_S: Final = 1.0
"""How long Redis may take to answer before it counts as away."""

PAUSE_S: Final = 1.0
"""How long a process decides alone before it asks Redis again."""

CONNECTIONS_MAX: Final = 64

log = logging.getLogger("busbar.limiter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One run of a script."""

    script: str
    keys: Sequence[str]
    arguments: Sequence[str | int]


Together = Callable[[Callable[[Sequence[Call]], Sequence[Any]]], Callable[[Call], Any]]
"""What makes many threads' calls of one thing into few calls with many; see `one_by_one`."""


def one_by_one(work: Callable[[Sequence[Call]], Sequence[Any]]) -> Callable[[Call], Any]:
    """Let every thread go by itself."""
    return lambda call: work([call])[0]


class Line:
    """For many threads; it connects with the first call."""

    def __init__(self, redis_url: str, together: Together) -> None:
        self.returned = threading.Event()
        """Set when Redis is back after it was away."""
        self._client = _connect(redis_url)
        weakref.finalize(self, self._client.connection_pool.disconnect)
        self._run = together(self._run_all)
        self._lock = threading.Lock()
        self._away_until = 0.0
        self._tries = False

    def is_ready(self) -> bool:
        """Whether to run something: after an outage one thread tries while the others do not."""
        if not self._away_until:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._away_until or self._tries:
                return False
            self._tries = True
            return True

    def run(self, call: Call) -> Any:
        """Run a script and return its answer; None when Redis is away, or cannot do it."""
        return self._run(call)

    def close(self) -> None:
        """Give the connections back."""
        self._client.connection_pool.disconnect()

    def _run_all(self, calls: Sequence[Call]) -> Sequence[Any]:
        if self._away_until and not self._tries:  # they came before it was lost
            return [None] * len(calls)
        try:
            answers = self._send(calls)
        except redis.RedisError as error:
            answers = [error]
        except BaseException:
            self._note(redis.RedisError())  # whoever tries next is let try
            raise
        errors = [answer for answer in answers if isinstance(answer, redis.RedisError)]
        self._note(errors[0] if errors else None)
        if len(answers) != len(calls):
            return [None] * len(calls)
        return [None if isinstance(each, redis.RedisError) else each for each in answers]

    def _send(self, calls: Sequence[Call]) -> list[Any]:
        """Send all in one message; a lone one goes without a pipeline, which costs more."""
        if len(calls) == 1:
            try:
                return [self._client.evalsha(*_by_digest(calls[0]))]
            except redis.exceptions.NoScriptError:
                return [self._client.eval(*_in_full(calls[0]))]
        with self._client.pipeline(transaction=False) as pipe:
            for call in calls:
                pipe.evalsha(*_by_digest(call))
            answers: list[Any] = pipe.execute(raise_on_error=False)
        return [
            self._client.eval(*_in_full(call))
            if isinstance(answer, redis.exceptions.NoScriptError)
            else answer
            for call, answer in zip(calls, answers, strict=True)
        ]

    def _note(self, error: redis.RedisError | None) -> None:
        with self._lock:
            was_away, self._tries = bool(self._away_until), False
            self._away_until = time.monotonic() + PAUSE_S if error else 0.0
        if error and not was_away:
            log.warning("limiter.redis_away error=%s", type(error).__name__)
        if was_away and not error:
            self.returned.set()
            log.warning("limiter.redis_back")


def _by_digest(call: Call) -> tuple[Any, ...]:
    return (_DIGESTS[call.script], len(call.keys), *call.keys, *call.arguments)


def _in_full(call: Call) -> tuple[Any, ...]:
    return (call.script, len(call.keys), *call.keys, *call.arguments)


def _connect(redis_url: str) -> "redis.Redis":
    """Nothing is sent twice: a script whose answer was lost may have done its work."""
    return redis.Redis.from_url(
        redis_url,
        max_connections=CONNECTIONS_MAX,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


_DIGESTS: Final = {
    script: hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
    for script in (scripts.TAKE, scripts.KEEP, scripts.RELEASE)
}
