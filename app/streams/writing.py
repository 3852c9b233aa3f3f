"""The worker's end of streams: frames of all its calls gather, one round trip carries them.

Lives on the engine's loop. A frame that Redis does not take is counted and dropped: the row will
have the whole answer.
"""

import asyncio
from collections import deque
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
PAUSE_S: Final = 0.5

_lost = Counter("busbar_stream_frames_lost_total", "Frames of streams that Redis did not take.")

_Entry = tuple[str, str, bytes, bytes]


class StreamWriter:
    """One per worker process."""

    def __init__(self, redis_url: str, *, prefix: str) -> None:
        self._prefix = prefix
        self._redis = Redis.from_url(
            redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
        self._pending: deque[_Entry] = deque()
        self._flushing: asyncio.Task[None] | None = None

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
        await self.flushed()
        await self._redis.aclose()

    def add(self, key: str, entry_id: str, field: bytes, value: bytes) -> None:
        """Put an entry on its way."""
        if len(self._pending) >= PENDING_MAX:
            _lost.inc()
            return
        self._pending.append((key, entry_id, field, value))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    async def flushed(self) -> None:
        """Return when everything that was added is in Redis, or lost."""
        while self._flushing is not None and not self._flushing.done():
            await asyncio.wait([self._flushing])

    async def _flush(self) -> None:
        while self._pending:
            batch = [self._pending.popleft() for _ in range(min(BATCH_MAX, len(self._pending)))]
            pipe = self._redis.pipeline(transaction=False)
            for key, entry_id, field, value in batch:
                pipe.execute_command(
                    "XADD", key, "MAXLEN", "~", ENTRIES_MAX, entry_id, field, value
                )
            for key in {entry[0] for entry in batch}:
                pipe.expire(key, KEPT_S)
            try:
                # A refused entry is a late attempt's: the others of the batch are fine.
                await pipe.execute(raise_on_error=False)
            except RedisError:
                _lost.inc(len(batch))
                await asyncio.sleep(PAUSE_S)


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
        """Mark the end and return once readers can see all of it, or Redis is given up on."""
        self._add(END, b"")
        await self._writer.flushed()

    def _add(self, field: bytes, value: bytes) -> None:
        self.sent += 1
        self._writer.add(self._key, f"{self._attempt}-{self.sent}", field, value)
