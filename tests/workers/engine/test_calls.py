"""The engine holds calls to a real upstream, many at once."""

import threading
import time
from dataclasses import replace

import pytest

from app.domain.attempt import Answer, Failure
from app.gateway import Gateway
from tests.simulator.running import Simulator, eventually
from tests.workers.engine.desk import HANG, Desk, make_started, with_concurrency
from workers.engine import Engine


def test_a_call_brings_the_providers_answer(desk: Desk, simulator: Simulator) -> None:
    """The upstream's body and its usage come back with the job they belong to."""
    desk.engine.launch([make_started()])
    outcome = desk.outcome()
    assert isinstance(outcome, Answer)
    assert b'"choices"' in outcome.body
    assert outcome.usage is not None
    assert outcome.usage.output_tokens > 0


def test_the_upstream_hears_of_job_and_attempt(desk: Desk, simulator: Simulator) -> None:
    """Each call carries its job's id and its attempt, so that the upstream can tell repeats."""
    desk.engine.launch([make_started("job_a"), replace(make_started("job_b"), attempt=3)])
    assert eventually(lambda: len(desk.finished) == 2)
    assert simulator.calls()["jobs"] == {"job_a": {"1": 1}, "job_b": {"3": 1}}


def test_calls_run_at_the_same_time(desk: Desk, simulator: Simulator) -> None:
    """100 calls of half a second each are over in little more than that."""
    simulator.set(latency={"ms": 500})
    begun = time.monotonic()
    desk.engine.launch([make_started(f"job_{number}") for number in range(100)])
    assert eventually(lambda: len(desk.finished) == 100, within_s=20)
    assert simulator.calls()["in_flight_peak"] == 100
    assert time.monotonic() - begun < 10


def test_a_provider_has_no_more_calls_than_it_may(
    bare_gateway: Gateway, simulator: Simulator
) -> None:
    """What a provider's concurrency does not allow waits for its turn."""
    simulator.set(latency={"ms": 30})
    desk = Desk(with_concurrency(bare_gateway, 3))
    desk.engine.launch([make_started(f"job_{number}") for number in range(15)])
    assert eventually(lambda: len(desk.finished) == 15)
    desk.close()
    assert simulator.calls()["in_flight_peak"] == 3


def test_a_failure_is_an_outcome(desk: Desk, simulator: Simulator) -> None:
    """What the upstream refuses comes back as a failure, with what it asks for."""
    simulator.set({"fault": "status", "status": 503, "retry_after_s": 7})
    desk.engine.launch([make_started()])
    outcome = desk.outcome()
    assert isinstance(outcome, Failure)
    assert (outcome.status_code, outcome.retry_after_s) == (503, 7)


def test_a_request_that_breaks_us_is_a_failure(desk: Desk, simulator: Simulator) -> None:
    """A fault of our own ends the call as a failure, and spares the calls beside it."""
    desk.engine.launch([replace(make_started("job_bad"), request=b"{"), make_started()])
    bad = desk.outcome("job_bad")
    assert isinstance(bad, Failure)
    assert bad.symbol == "internal"
    assert isinstance(desk.outcome(), Answer)


def test_what_is_in_flight_is_told(desk: Desk, simulator: Simulator) -> None:
    """Each call is listed with its attempt for as long as it lasts."""
    simulator.set(HANG)
    desk.engine.launch([make_started(), replace(make_started("job_2"), attempt=5)])
    assert eventually(lambda: len(desk.engine.in_flight()) == 2)
    assert sorted(desk.engine.in_flight()) == [("job_1", 1), ("job_2", 5)]
    desk.engine.cancel(["job_1", "job_2"])
    assert eventually(lambda: desk.engine.in_flight() == [])


def test_nothing_is_left_of_a_closed_engine(bare_gateway: Gateway) -> None:
    """Closing ends the thread."""
    desk = Desk(bare_gateway)
    thread = desk.engine._thread
    assert thread in threading.enumerate()
    desk.close()
    assert not thread.is_alive()


def test_launching_nothing_does_nothing(desk: Desk) -> None:
    """An empty group makes no call."""
    desk.engine.launch([])
    assert desk.engine.in_flight() == []
    assert desk.finished == []


def test_an_engine_that_cannot_begin_says_why(gateway: Gateway) -> None:
    """What keeps it from opening its connections is raised where it is opened; nobody hangs."""
    settings = gateway.settings.model_copy(update={"redis_url": "telnet://nowhere"})
    engine = Engine(replace(gateway, settings=settings), lambda _: None)
    with pytest.raises(ValueError, match="scheme"):
        engine.open()
