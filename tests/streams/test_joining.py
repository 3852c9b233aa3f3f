"""Followers who join while a read of their stream is under way, and listeners that are cut off."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from app.broker import Broker, Wakeups, connect
from app.streams.reading import Entry, Follower, StreamReader
from tests.limits.ordering import Cable, eventually

from .test_streams import JOB, SOON_S, arrived, sending

Write = Callable[..., Any]


def is_reading(redis_url: str, name: str) -> bool:
    """True while the thread of that name waits at Redis for what comes to its streams."""
    clients = connect(redis_url).client_list()
    return any(c["name"] == name and c["cmd"] == "xread" and "b" in c["flags"] for c in clients)


@pytest.mark.parametrize("seen", [(), (b"one", b"two")])
def test_who_joins_during_a_read_gets_the_beginning(
    cable: Cable, prefix: str, redis_url: str, write: Write, seen: tuple[bytes, ...]
) -> None:
    """What a read brings that began before somebody joined is not the beginning for them."""
    reader = StreamReader(Broker(f"{cable.url}&client_name={prefix}", prefix=prefix))
    first = reader.follow(JOB)
    write(sending(*seen, ends=False))
    arrived(first, len(seen))
    eventually(lambda: is_reading(redis_url, prefix))
    cable.go_dead()
    write(sending(b"one", b"two", b"three", ends=False))
    joined: list[Follower] = []
    joining = threading.Thread(target=lambda: joined.append(reader.follow(JOB)))
    joining.start()
    eventually(lambda: len(reader._followers[first.key]) == 2)
    cable.mend()
    joining.join(SOON_S)
    assert arrived(joined[0], 3) == [
        Entry(1, 1, b"one"),
        Entry(1, 2, b"two"),
        Entry(1, 3, b"three"),
    ]


def test_a_reader_outlives_its_connection(
    redis_url: str, prefix: str, reader: StreamReader, write: Write
) -> None:
    """Frames come again after Redis has thrown the reading thread out."""
    reader = StreamReader(Broker(f"{redis_url}&client_name={prefix}", prefix=prefix))
    follower = reader.follow(JOB)
    eventually(lambda: is_reading(redis_url, prefix))
    throw_out(redis_url, prefix)
    write(sending(b"one"))
    assert arrived(follower, 1) == [Entry(1, 1, b"one")]


def test_a_listener_outlives_its_connection(redis_url: str, prefix: str) -> None:
    """Wake-ups are heard again after Redis has thrown the listening thread out."""
    broker = Broker(f"{redis_url}&client_name={prefix}", prefix=prefix)
    wakeups = Wakeups(broker)
    ring = wakeups.expect(JOB)
    heard = connect(redis_url)
    eventually(lambda: heard.pubsub_numsub(broker.results_channel)[0][1] == 1)
    throw_out(redis_url, prefix)

    def is_heard() -> bool:
        broker.publish_results([JOB])
        return ring.acquire(timeout=0.05)

    eventually(is_heard)


def throw_out(redis_url: str, name: str) -> None:
    """End every connection of that name."""
    client = connect(redis_url)
    for each in client.client_list():
        if each["name"] == name:
            client.client_kill_filter(_id=each["id"])
