"""Streams that nobody wants any more: left, or cancelled after a part of them was read."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from app.domain.attempt import Answer, Interrupted
from app.domain.instrument import OnDisconnect
from app.gateway import Gateway
from app.services.start import Started
from tests.simulator.running import Simulator, eventually
from tests.workers.engine.desk import Desk, called, make_started

SLOWLY = {"kind": "fixed", "ms": 0, "chunk_ms": 100}
LATE = {"kind": "fixed", "ms": 20_000}
WAYS = ("cancel", "leave")
Open = Callable[[OnDisconnect], Desk]


@pytest.fixture
def open_desk(bare_gateway: Gateway) -> Iterator[Open]:
    """Open engines whose providers have a policy; they are closed in the end."""
    opened: list[Desk] = []

    def open_one(policy: OnDisconnect) -> Desk:
        opened.append(Desk(_with(bare_gateway, policy)))
        return opened[-1]

    yield open_one
    for desk in opened:
        desk.close()


def _with(gateway: Gateway, policy: OnDisconnect) -> Gateway:
    catalog = gateway.catalog
    providers = {
        name: replace(entry, on_disconnect=policy) for name, entry in catalog.providers.items()
    }
    return replace(gateway, catalog=replace(catalog, providers=providers))


def streamed() -> Started:
    """Return a job whose answer is wanted event by event."""
    return replace(make_started(text="Describe a lighthouse."), stream=True)


def spoken(desk: Desk) -> bool:
    """Say whether a few words of the one call have come, before long."""
    return eventually(
        lambda: any(held.live and held.live.sent > 3 for held in desk.engine._calls.values())
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_part_is_kept_and_paid_for(open_desk: Open, simulator: Simulator, way: str) -> None:
    """Under `estimate` the outcome is what had come, at what it is taken to have cost."""
    simulator.set(latency=SLOWLY)
    desk = open_desk(OnDisconnect.ESTIMATE)
    desk.engine.launch([streamed()])
    assert spoken(desk)
    getattr(desk.engine, way)(["job_1"])
    outcome = desk.outcome()
    assert isinstance(outcome, Answer)
    assert outcome.partial
    assert outcome.usage is not None
    assert 0 < outcome.usage.output_tokens < 100
    (choice,) = json.loads(outcome.body)["choices"]
    assert choice["message"]["content"]
    assert choice["finish_reason"] is None


@pytest.mark.parametrize("way", WAYS)
def test_a_part_is_free(open_desk: Open, simulator: Simulator, way: str) -> None:
    """Under `free` nothing is left of it."""
    simulator.set(latency=SLOWLY)
    desk = open_desk(OnDisconnect.FREE)
    desk.engine.launch([streamed()])
    assert spoken(desk)
    getattr(desk.engine, way)(["job_1"])
    assert desk.outcome() == Interrupted(cancelled=True, begun=True)


@pytest.mark.parametrize("way", WAYS)
def test_a_part_is_read_to_its_end(open_desk: Open, simulator: Simulator, way: str) -> None:
    """Under `drain` the upstream says all it has to say, and the outcome is all of it."""
    simulator.set(latency={**SLOWLY, "chunk_ms": 20})
    desk = open_desk(OnDisconnect.DRAIN)
    desk.engine.launch([streamed()])
    assert spoken(desk)
    getattr(desk.engine, way)(["job_1"])
    outcome = desk.outcome()
    assert isinstance(outcome, Answer)
    assert not outcome.partial
    assert json.loads(outcome.body)["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("way", WAYS)
def test_before_the_first_word_it_is_free(open_desk: Open, simulator: Simulator, way: str) -> None:
    """Nobody pays for an answer of which nothing was made."""
    simulator.set(latency=LATE)
    desk = open_desk(OnDisconnect.ESTIMATE)
    desk.engine.launch([streamed()])
    assert called(simulator, 1)
    getattr(desk.engine, way)(["job_1"])
    assert desk.outcome() == Interrupted(cancelled=True)


def test_a_cancelled_stream_of_which_nothing_came_ends_at_once(
    open_desk: Open, simulator: Simulator
) -> None:
    """Whatever the policy: who cancels has read nothing yet."""
    simulator.set(latency=LATE)
    desk = open_desk(OnDisconnect.DRAIN)
    desk.engine.launch([streamed()])
    assert called(simulator, 1)
    desk.engine.cancel(["job_1"])
    assert desk.outcome() == Interrupted(cancelled=True)


def test_being_told_again_changes_nothing(open_desk: Open, simulator: Simulator) -> None:
    """The keeper says it every second, in either way: a part stays the part it was."""
    simulator.set(latency=SLOWLY)
    desk = open_desk(OnDisconnect.ESTIMATE)
    desk.engine.launch([streamed()])
    assert spoken(desk)

    def tell() -> None:
        for _ in range(50):
            desk.engine._leave(frozenset({"job_1"}))
            desk.engine._cancel(frozenset({"job_1"}))

    for _ in range(20):
        desk.engine._loop.call_soon_threadsafe(tell)
    outcome = desk.outcome()
    assert isinstance(outcome, Answer)
    assert outcome.partial


@pytest.fixture
def stuck_redis() -> Iterator[str]:
    """Return the URL of a Redis that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept: list[socket.socket] = []

        def keep() -> None:
            while True:
                try:
                    kept.append(server.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=keep)
        thread.start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in kept:
            connection.close()


def test_an_answer_that_is_there_cannot_be_cut(
    bare_gateway: Gateway, simulator: Simulator, stuck_redis: str
) -> None:
    """Leaving while the last frames are on their way to Redis changes nothing of the answer."""
    settings = bare_gateway.settings.model_copy(update={"redis_url": stuck_redis})
    gateway = replace(_with(bare_gateway, OnDisconnect.FREE), settings=settings)
    desk = Desk(gateway)
    desk.engine.launch([streamed()])
    assert eventually(lambda: simulator.calls()["total"] == 1 and called(simulator, 0))
    desk.engine.leave(["job_1"])
    outcome = desk.outcome()
    desk.close()
    assert isinstance(outcome, Answer)
    assert not outcome.partial
