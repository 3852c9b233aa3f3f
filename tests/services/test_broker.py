"""The sending side of the bus, while Redis hangs and after it is back."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client import REGISTRY

from app.broker import Broker, Wakeups
from app.domain.job import Lane
from app.gateway import Gateway
from app.streams.reading import StreamReader
from tests.services.book import rung
from tests.simulator.running import eventually

HUNG_MAX_S = 5.0
"""What it may cost to find out that Redis hangs."""
AT_ONCE_S = 0.5
SOON_S = 15.0


class Hanging:
    """A Redis that takes connections and says nothing, until it answers again."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        parts = urlsplit(redis_url)
        self._path, self._real = folder / "redis", parts.path
        self.url = f"unix://{self._path}?{parts.query}"
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self._path))
        self._socket.listen()

    def recover(self) -> None:
        """Lead new connections to the real one, and end the others."""
        self._path.unlink()
        self._path.symlink_to(self._real)
        self.close()

    def close(self) -> None:
        """Drop whoever is connected."""
        self._socket.close()


@pytest.fixture
def hanging(tmp_path: Path, redis_url: str) -> Iterator[Hanging]:
    """A Redis that hangs."""
    opened = Hanging(tmp_path, redis_url)
    yield opened
    opened.close()


@pytest.fixture
def broker(hanging: Hanging, gateway: Gateway) -> Iterator[Broker]:
    """A handle on the Redis that hangs, with the prefix of the gateway's."""
    opened = Broker(hanging.url, prefix=gateway.broker.prefix)
    yield opened
    opened.close()


def test_only_the_first_publish_pays_for_a_redis_that_hangs(broker: Broker) -> None:
    """Who comes after a failure loses its nudge at once, and it is counted."""
    assert _took(lambda: broker.nudge(Lane.BATCH, ["job_1"])) < HUNG_MAX_S
    lost = _lost()
    began = time.monotonic()
    while time.monotonic() - began < 4:
        assert _took(lambda: broker.nudge(Lane.BATCH, ["job_1"] * 60)) < AT_ONCE_S
        assert _took(lambda: broker.publish_results(["job_1"])) < AT_ONCE_S
        assert _took(lambda: broker.depth(Lane.BATCH)) < AT_ONCE_S
        lost += 3
        time.sleep(0.05)
    assert _lost() == lost


def test_a_look_at_the_depth_spares_the_others_too(broker: Broker) -> None:
    """A keeper that finds Redis away costs its process one time-out, not one per question."""
    assert broker.depth(Lane.BATCH) is None
    assert _took(lambda: [broker.depth(lane) for lane in Lane] * 5) < AT_ONCE_S
    assert not broker.nudge(Lane.INTERACTIVE, ["job_1"])


def test_only_the_first_look_at_a_stream_pays_for_a_redis_that_hangs(broker: Broker) -> None:
    """Who follows a stream never waits for Redis, and after a failure the row is relied on."""
    reader = StreamReader(broker)
    assert _took(lambda: [reader.follow(f"job_{n}") for n in range(1, 9)]) < AT_ONCE_S
    assert _took(lambda: reader.read("job_1")) < HUNG_MAX_S
    assert _took(lambda: [reader.read(f"job_{n}") for n in range(1, 9)]) < AT_ONCE_S


def test_publishing_goes_on_when_redis_answers(
    broker: Broker, hanging: Hanging, gateway: Gateway
) -> None:
    """Soon after it is back messages reach it again."""
    assert not broker.nudge(Lane.BATCH, ["job_lost"])
    hanging.recover()
    assert eventually(lambda: broker.nudge(Lane.BATCH, ["job_1"]), within_s=SOON_S)
    assert broker.depth(Lane.BATCH) == 1
    assert rung(gateway, Lane.BATCH) == [["job_1"]]


def test_nothing_to_say_is_never_lost(broker: Broker) -> None:
    """An empty nudge asks Redis nothing, whatever its state."""
    assert broker.nudge(Lane.BATCH, [])
    broker.publish_results([])
    assert not broker.nudge(Lane.BATCH, ["job_1"])
    assert broker.nudge(Lane.BATCH, [])


def test_a_listener_outlives_a_message_it_cannot_read(gateway: Gateway) -> None:
    """Rubbish on the channel costs a wake-up, not all that come later."""
    wakeups = Wakeups(gateway.broker)
    ring = wakeups.expect("job_1")
    gateway.broker.client.publish(gateway.broker.results_channel, b"\xff\xfe")

    def is_heard() -> bool:
        gateway.broker.publish_results(["job_1"])
        return ring.acquire(timeout=0.1)

    assert eventually(is_heard, within_s=SOON_S)
    later = wakeups.expect("job_2")
    gateway.broker.client.publish(gateway.broker.results_channel, b"\xff")
    gateway.broker.client.publish(gateway.broker.results_channel, b"\xfe job_2")

    def is_heard_again() -> bool:
        gateway.broker.publish_results(["job_2"])
        return later.acquire(timeout=0.1)

    assert eventually(is_heard_again, within_s=SOON_S)


def _took(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _lost() -> float:
    return REGISTRY.get_sample_value("busbar_nudges_lost_total") or 0.0
