"""The queue seen from the sending side: queue names, task names, nudges and wake-ups.

A message carries job ids and nothing else. It may be lost, doubled or late: the row is the truth,
and the sweeper rings again. So a failed publish is counted and ignored.
"""

import base64
import json
import logging
import socket
import threading
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import redis
from prometheus_client import Counter

INTERACTIVE: Final = "interactive"
BATCH: Final = "batch"
WEBHOOKS: Final = "webhooks"
QUEUES: Final = (INTERACTIVE, BATCH, WEBHOOKS)
"""In the order in which a worker that serves several looks at them."""

RUN_JOBS: Final = "busbar.run_jobs"

NUDGE_IDS_MAX: Final = 50
SOCKET_TIMEOUT_S: Final = 2.0
CONNECTIONS_MAX: Final = 64
RETRY_PAUSE_S: Final = 1.0
"""How long a process leaves Redis alone after a failure before it looks whether it is back."""

log = logging.getLogger("busbar.broker")

_nudges_lost = Counter("busbar_nudges_lost_total", "Messages that could not be published.")

T = TypeVar("T")


class Broker:
    """One process's handle on the bus. Its methods never raise because Redis is away.

    Nor do they wait for it: after the first failure they give up at once, and a thread of its own
    looks now and then whether Redis answers again. One that hangs would otherwise cost everybody a
    time-out.
    """

    def __init__(self, redis_url: str, *, prefix: str) -> None:
        self.prefix = prefix
        self.redis_url = redis_url
        self.client = connect(redis_url)
        self.results_channel = f"{prefix}results"
        self._lock = threading.Lock()
        self._is_away = False
        self._closed = threading.Event()

    def nudge(self, queue: str, job_ids: Sequence[str]) -> bool:
        """Ring for `job_ids` on `queue`; False when Redis could not be told."""
        messages = [
            _envelope(queue, job_ids[start : start + NUDGE_IDS_MAX])
            for start in range(0, len(job_ids), NUDGE_IDS_MAX)
        ]
        key = self.prefix + queue
        if messages and self.ask(lambda: self.client.lpush(key, *messages)) is None:
            _nudges_lost.inc(len(messages))
            return False
        return True

    def depth(self, queue: str) -> int | None:
        """Return how many messages wait on `queue`; None when Redis is away."""
        return self.ask(lambda: int(self.client.llen(self.prefix + queue)))

    def publish_results(self, job_ids: Sequence[str]) -> None:
        """Wake whoever waits for these jobs, in any process."""
        words = " ".join(job_ids)
        if words and self.ask(lambda: self.client.publish(self.results_channel, words)) is None:
            _nudges_lost.inc()

    def ask(self, question: Callable[[], T]) -> T | None:
        """Return what `question` brings from `client`; None, at once, while Redis is away."""
        if self._is_away:
            return None
        try:
            return question()
        except redis.RedisError as error:
            self._leave_alone(error)
            return None

    def close(self) -> None:
        """Give the connections back."""
        self._closed.set()
        self.client.close()

    def _leave_alone(self, error: redis.RedisError) -> None:
        with self._lock:
            if not self._is_away:
                log.warning("broker.away error=%s", type(error).__name__)
                threading.Thread(target=self._await, name="broker", daemon=True).start()
                self._is_away = True

    def _await(self) -> None:
        """Wait until Redis answers, or until nobody wants to know any more."""
        try:
            while not self._closed.wait(RETRY_PAUSE_S) and not self._answers():
                pass
        finally:
            # However this ends: the next one who asks finds out how it stands.
            self._is_away = False

    def _answers(self) -> bool:
        # A connection of its own: one that the others use may be closed in the middle of this.
        try:
            with connect(self.redis_url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class Wakeups:
    """Who waits for which job in this process: one Redis listener wakes them all.

    A wake-up is a hint like every message: waiters look at the row when their own time is up too.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._waiting: dict[str, list[Callable[[], None]]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def expect(self, job_id: str) -> threading.Lock:
        """Return a held lock that is released when `job_id` changes; pair it with `forget`."""
        held = threading.Lock()
        held.acquire()
        self.watch(job_id, held.release)
        return held

    def watch(self, job_id: str, ring: Callable[[], None]) -> None:
        """Call `ring` once, on the listener's thread, when `job_id` changes."""
        with self._lock:
            self._waiting.setdefault(job_id, []).append(ring)
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="wakeups", daemon=True)
                self._thread.start()

    def forget(self, job_id: str, ring: Callable[[], None]) -> None:
        """Stop waiting; harmless when the ring has come."""
        with self._lock:
            rings = self._waiting.get(job_id, [])
            if ring in rings:
                rings.remove(ring)
            if not rings:
                self._waiting.pop(job_id, None)

    def wake(self, job_ids: Sequence[str]) -> None:
        """Release everybody who waits for one of `job_ids`."""
        with self._lock:
            rings = [ring for job_id in job_ids for ring in self._waiting.pop(job_id, ())]
        for ring in rings:
            ring()

    def _listen(self) -> None:
        while True:
            try:
                with connect(self._broker.redis_url, listening=True) as client:
                    self._follow(client)
            except redis.RedisError:
                threading.Event().wait(RETRY_PAUSE_S)
            except Exception:  # without the listener nobody here would hear of anything again
                log.exception("wakeups.broke")
                threading.Event().wait(RETRY_PAUSE_S)

    def _follow(self, client: "redis.Redis") -> None:
        pubsub = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        pubsub.subscribe(self._broker.results_channel)
        for message in pubsub.listen():
            self.wake(message["data"].decode().split())


def connect(redis_url: str, *, listening: bool = False) -> "redis.Redis":
    """Return a client with short time-outs; one that listens may be silent for long."""
    return redis.Redis.from_url(
        redis_url,
        socket_timeout=None if listening else SOCKET_TIMEOUT_S,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        health_check_interval=10,
        max_connections=CONNECTIONS_MAX,
        **({} if redis_url.startswith("unix://") else _KEPT_ALIVE),
    )


def celery_url(redis_url: str) -> str:
    """Return the same Redis in the spelling Celery wants for unix sockets."""
    if redis_url.startswith("unix://"):
        path, _, query = redis_url.removeprefix("unix://").partition("?")
        return f"redis+socket://{path}?{query.replace('db=', 'virtual_host=')}"
    return redis_url


def _envelope(queue: str, job_ids: Sequence[str]) -> str:
    """A Celery message (protocol 2), made by hand: `apply_async` costs ten times as much."""
    message_id = str(uuid.uuid4())
    body = base64.b64encode(json.dumps([[list(job_ids)], {}, _NO_CALLBACKS]).encode()).decode()
    return json.dumps(
        {
            "body": body,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {"lang": "py", "task": RUN_JOBS, "id": message_id, "root_id": message_id},
            "properties": {
                "correlation_id": message_id,
                "delivery_mode": 1,
                "delivery_info": {"exchange": "", "routing_key": queue},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": message_id,
            },
        }
    )


# A listener sends nothing, so only this tells it that its server has vanished: after half a minute.
_KEPT_ALIVE: Final[dict[str, Any]] = {
    "socket_keepalive": True,
    "socket_keepalive_options": {
        getattr(socket, name): number
        for name, number in (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
        if hasattr(socket, name)  # not every system has them
    },
}
_NO_CALLBACKS: Final = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
