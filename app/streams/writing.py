"""The worker's end of streams: frames of all its calls gather, one round trip carries them.

Lives on the engine's loop. Frames are a convenience: what Redis does not take is counted and
dropped, and no answer waits for it. The row will have the whole of it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.streams import END, ENTRIES_MAX, FRAME, KEPT_S, key_of

BATCH_MAX: Final = 500
"""Frames one round trip carries at most."""

PENDING_MAX: Final = 50_000
"""Frames that may wait for Redis; more are dropped."""

TIMEOUT_S: Final = 2.0

END_S: Final = 2.0
"""How long an answer that is whole waits for the end of its stream to reach Redis."""

PAUSE_S: Final = 0.5
"""How long frames are dropped after a failure before Redis is tried again."""

_lost = Counter("busbar_stream_frames_lost_total", "Frames of streams that Redis did not take.")


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry on its way; `gone` is told when it is in Redis, or lost."""

    key: str
    id: str
    field: bytes
    value: bytes
    gone: "asyncio.Future[None] | None" = None

    def told(self) -> None:
        if self.gone is not None and not self.gone.done():
            self.gone.set_result(None)


class StreamWriter:
    """One per worker process."""

    def __init__(self, redis_url: str, *, prefix: str) -> None:
        self._prefix = prefix
        self._redis = Redis.from_url(
            redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
        self._pending: deque[_Entry] = deque()
        self._flushing: asyncio.Task[None] | None = None
        self._away_until = 0.0

    def begin(self, job_id: str, attempt: int) -> "LiveStream":
        """Return the stream of one attempt."""
        return LiveStream(self, key_of(self._prefix, job_id), attempt)

    async def has_begun(self, job_id: str) -> bool:
        """True when an earlier attempt of the job has sent frames already."""
        try:
            return bool(await self._redis.exists(key_of(self._prefix, job_id)))
        except RedisError:
            return False

    async def close(self) -> None:
        """Write what is left and give the connections back."""
        if self._flushing is not None:
            await asyncio.wait([self._flushing], timeout=END_S)
        await self._redis.aclose()

    def add(self, entry: _Entry) -> None:
        """Put an entry on its way, or drop it."""
        loop = asyncio.get_running_loop()
        if len(self._pending) >= PENDING_MAX or loop.time() < self._away_until:
            _drop([entry])
            return
        self._pending.append(entry)
        if self._flushing is None or self._flushing.done():
            self._flushing = loop.create_task(self._flush())

    async def _flush(self) -> None:
        while self._pending:
            batch = [self._pending.popleft() for _ in range(min(BATCH_MAX, len(self._pending)))]
            try:
                await self._send(batch)
            except RedisError:
                # The rest would only wait for the same, and its answers with it.
                self._away_until = asyncio.get_running_loop().time() + PAUSE_S
                _drop([*batch, *self._pending])
                self._pending.clear()
            else:
                for entry in batch:
                    entry.told()

    async def _send(self, batch: Sequence[_Entry]) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for each in batch:
            pipe.execute_command(
                "XADD", each.key, "MAXLEN", "~", ENTRIES_MAX, each.id, each.field, each.value
            )
        for key in {each.key for each in batch}:
            pipe.expire(key, KEPT_S)
        # A refused entry is a late attempt's: the others of the batch are fine.
        await pipe.execute(raise_on_error=False)


class LiveStream:
    """The frames of one attempt. `emit` never waits; `end` does."""

    def __init__(self, writer: StreamWriter, key: str, attempt: int) -> None:
        self._writer = writer
        self._key = key
        self._attempt = attempt
        self.sent = 0
        self.first_at: float | None = None
        """When the first frame came, by the loop's clock."""
        self.cut_short = False
        """Set before its call is cancelled: what has come is the answer, at an estimated cost."""

    def emit(self, frame: bytes) -> None:
        """Send one frame on."""
        if self.first_at is None:
            self.first_at = asyncio.get_running_loop().time()
        self._add(FRAME, frame)

    async def end(self) -> None:
        """Mark the end and return once readers can see all of it, or it is given up on."""
        gone = asyncio.get_running_loop().create_future()
        self._add(END, b"", gone)
        # Who cancels the call now comes too late: its answer is whole, and must not be thrown away.
        with suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(END_S):
                await gone

    def _add(self, field: bytes, value: bytes, gone: "asyncio.Future[None] | None" = None) -> None:
        self.sent += 1
        self._writer.add(_Entry(self._key, f"{self._attempt}-{self.sent}", field, value, gone))


def _drop(entries: Sequence[_Entry]) -> None:
    _lost.inc(len(entries))
    for entry in entries:
        entry.told()
