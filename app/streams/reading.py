"""The submitter's end of streams: one thread per process reads the streams of all its clients."""

import logging
import queue
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

import redis

from app.broker import Broker, connect
from app.streams import END, FRAME, key_of
from app.streams.aside import Aside

BLOCK_MS: Final = 5_000
READ_MAX: Final = 200
"""Entries of one stream that one read brings at most."""

ASIDE_MAX: Final = 8
"""Threads of one process that find out what followers ask for."""

WAKE_S: Final = 60
RETRY_PAUSE_S: Final = 0.5

log = logging.getLogger("busbar.streams")


@dataclass(frozen=True, slots=True)
class Entry:
    """A frame with its place; or, where `frame` is None, the end."""

    attempt: int
    number: int
    frame: bytes | None


class Follower:
    """One reader of one stream: its entries in order, and news from elsewhere in between."""

    def __init__(self, reader: "StreamReader", key: str) -> None:
        self.key = key
        self._reader = reader
        self._arrived: queue.SimpleQueue[Entry | Future[Any] | None] = queue.SimpleQueue()

    def next(self, timeout_s: float) -> Entry | Future[Any] | None:
        """Return the next entry; or what was asked for; None when it was rung for.

        Raises queue.Empty after the time.
        """
        return self._arrived.get(timeout=max(0.0, timeout_s))

    def put(self, entry: Entry) -> None:
        """Hand in an entry."""
        self._arrived.put(entry)

    def ask(self, work: Callable[[], Any]) -> None:
        """Do work that may hang on another thread; `next` returns what became of it."""
        self._reader.aside.do(work, self._arrived.put)

    def ring(self) -> None:
        """Wake the reader up: something besides the stream has changed."""
        self._arrived.put(None)

    def close(self) -> None:
        """Stop following; harmless when it is done already."""
        self._reader.forget(self)


_Followers = Mapping[str, Sequence[Follower]]


class StreamReader:
    """One per submitter process; its thread begins with the first follower."""

    def __init__(self, broker: Broker) -> None:
        self.aside = Aside("looks", ASIDE_MAX)
        self._broker = broker
        # The library's annotations are the union of what all its protocols may answer.
        self._client: Any = broker.client
        self._listener: Any = connect(broker.redis_url, listening=True)
        self._wake_key = f"{broker.prefix}wake:{uuid.uuid4()}"
        self._lock = threading.Lock()
        self._followers: dict[str, tuple[Follower, ...]] = {}
        self._cursors: dict[str, str] = {}
        self._stale = False
        self._some = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, job_id: str) -> Follower:
        """Follow a job's stream from its beginning; pair it with `close`."""
        follower = Follower(self, key_of(self._broker.prefix, job_id))
        with self._lock:
            # A second follower sees the beginning again, and so does the first, who knows it.
            others = self._followers.get(follower.key, ())
            self._followers[follower.key] = (*others, follower)
            self._cursors[follower.key] = "0-0"
            told, self._stale = self._stale, True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="streams", daemon=True)
                self._thread.start()
        self._some.set()
        if not told:
            # Whoever follows is about to submit the job: a round trip less before that.
            self.aside.do(self._interrupt)
        return follower

    def forget(self, follower: Follower) -> None:
        """Stop following."""
        with self._lock:
            followers = self._followers.get(follower.key, ())
            left = tuple(each for each in followers if each is not follower)
            if left:
                self._followers[follower.key] = left
            else:
                self._followers.pop(follower.key, None)
                self._cursors.pop(follower.key, None)

    def read(self, job_id: str) -> list[Entry]:
        """Return all entries of a stream as they are now; none when Redis is away."""
        key = key_of(self._broker.prefix, job_id)
        return [_entry(*each) for each in self._broker.ask(lambda: self._client.xrange(key)) or ()]

    def _interrupt(self) -> None:
        """Make the thread look at its list of streams again."""

        def wake() -> None:
            with self._client.pipeline(transaction=False) as pipe:
                pipe.xadd(self._wake_key, {END: b""}, maxlen=1)
                pipe.expire(self._wake_key, WAKE_S)
                pipe.execute()

        # While Redis is away the thread finds it when its block ends, and the row is looked at.
        self._broker.ask(wake)

    def _run(self) -> None:
        woken = "0-0"
        while True:
            with self._lock:
                wanted, followers = dict(self._cursors), dict(self._followers)
                self._stale = False
                if not wanted:
                    self._some.clear()
            if not wanted:
                self._some.wait()
                continue
            try:
                woken = self._read_once(wanted, followers, woken)
            except redis.RedisError:
                threading.Event().wait(RETRY_PAUSE_S)
            except Exception:  # without this thread no stream here would ever move again
                log.exception("streams.broke")
                threading.Event().wait(RETRY_PAUSE_S)

    def _read_once(self, wanted: Mapping[str, str], followers: _Followers, woken: str) -> str:
        """Hand out what has come to the streams; return how far the interruptions were read."""
        found = self._listener.xread(
            {**wanted, self._wake_key: woken}, count=READ_MAX, block=BLOCK_MS
        )
        for raw_key, entries in found:
            key = raw_key.decode()
            if key == self._wake_key:
                woken = entries[-1][0].decode()
            else:
                self._hand_out(key, followers[key], entries)
        return woken

    def _hand_out(self, key: str, asked: Sequence[Follower], entries: Sequence[Any]) -> None:
        """Hand entries to those who followed when they were asked for, and still do."""
        with self._lock:
            now = self._followers.get(key, ())
            receivers = [each for each in now if each in asked]
            # Whoever joined meanwhile is served by a read that begins at the beginning.
            if now and len(receivers) == len(now):
                self._cursors[key] = entries[-1][0].decode()
        for entry_id, fields in entries:
            entry = _entry(entry_id, fields)
            for follower in receivers:
                follower.put(entry)


def _entry(entry_id: bytes, fields: Any) -> Entry:
    attempt, _, number = entry_id.partition(b"-")
    return Entry(attempt=int(attempt), number=int(number), frame=fields.get(FRAME))
