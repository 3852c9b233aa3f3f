"""How calls end before their answer: deadlines, cancellations, drains."""

import time
from dataclasses import replace

import pytest

from app.domain.attempt import Answer, Failure, Interrupted
from app.gateway import Gateway
from tests.simulator.running import Simulator, eventually
from tests.workers.engine.desk import HANG, Desk, called, make_started, with_concurrency

GRACE_S = 10.0


def test_the_deadline_ends_a_call(desk: Desk, simulator: Simulator) -> None:
    """Calls that outlast their jobs' time are given up, each as a failure of that name."""
    simulator.set(HANG)
    jobs = [replace(make_started(f"job_{ms}"), left_s=ms / 1_000) for ms in range(100, 160)]
    desk.engine.launch(jobs)
    outcomes = [desk.outcome(job.id) for job in jobs]
    assert {o.symbol for o in outcomes if isinstance(o, Failure)} == {"deadline"}
    assert eventually(lambda: simulator.calls()["in_flight"] == 0)


@pytest.mark.parametrize("left_s", [0.0, -0.01])
def test_a_call_without_time_left_does_not_last(
    desk: Desk, simulator: Simulator, left_s: float
) -> None:
    """A job whose time was up before its call could begin ends at once, by the same name."""
    simulator.set(HANG)
    desk.engine.launch([replace(make_started(), left_s=left_s)])
    outcome = desk.outcome()
    assert isinstance(outcome, Failure)
    assert outcome.symbol == "deadline"


def test_the_deadline_counts_while_waiting_for_a_turn(
    bare_gateway: Gateway, simulator: Simulator
) -> None:
    """A call that its provider's concurrency holds back is given up in time too."""
    simulator.set(HANG)
    desk = Desk(with_concurrency(bare_gateway, 1))
    desk.engine.launch([make_started("job_first")])
    assert called(simulator, 1)
    desk.engine.launch([replace(make_started(), left_s=0.2)])
    outcome = desk.outcome()
    desk.close()
    assert isinstance(outcome, Failure)
    assert outcome.symbol == "deadline"


def test_a_cancelled_call_ends_at_once(desk: Desk, simulator: Simulator) -> None:
    """It is reported as cancelled, and the upstream's connection is closed."""
    simulator.set(HANG)
    desk.engine.launch([make_started()])
    assert called(simulator, 1)
    desk.engine.cancel(["job_1"])
    assert desk.outcome() == Interrupted(cancelled=True)
    assert eventually(lambda: simulator.calls()["in_flight"] == 0)


def test_a_dropped_call_is_no_cancelled_one(desk: Desk, simulator: Simulator) -> None:
    """A call whose job another worker has now ends as interrupted."""
    simulator.set(HANG)
    desk.engine.launch([make_started()])
    assert called(simulator, 1)
    desk.engine.drop(["job_1"])
    assert desk.outcome() == Interrupted(cancelled=False)


def test_only_what_is_named_is_ended(desk: Desk, simulator: Simulator) -> None:
    """The calls beside a cancelled one go on, and unknown ids are passed over."""
    simulator.set(HANG)
    desk.engine.launch([make_started(), make_started("job_2")])
    assert called(simulator, 2)
    desk.engine.cancel(["job_none", "job_2"])
    assert desk.outcome("job_2") == Interrupted(cancelled=True)
    assert desk.engine.in_flight() == [("job_1", 1)]


def test_a_call_cancelled_before_it_began_is_reported(desk: Desk) -> None:
    """A job that is launched and cancelled in one breath is still heard of again."""
    job = make_started()

    def both() -> None:
        desk.engine.launch([job])
        desk.engine.cancel([job.id])

    desk.engine._loop.call_soon_threadsafe(both)
    assert desk.outcome() == Interrupted(cancelled=True)
    assert desk.engine.in_flight() == []


def test_two_attempts_of_one_job_are_two_calls(desk: Desk, simulator: Simulator) -> None:
    """A worker that got its own lost job back still holds the new call when the old one ends."""
    simulator.set(HANG)
    desk.engine.launch([replace(make_started(), left_s=0.3)])
    assert called(simulator, 1)
    desk.engine.launch([replace(make_started(), attempt=2)])
    assert eventually(lambda: desk.finished)
    assert desk.engine.in_flight() == [("job_1", 2)]
    desk.engine.cancel(["job_1"])
    assert eventually(lambda: len(desk.finished) == 2)
    assert desk.finished[1].outcome == Interrupted(cancelled=True)


def test_draining_lets_calls_end(desk: Desk, simulator: Simulator) -> None:
    """Within its grace a drain waits for the answers, and gives nothing back."""
    simulator.set(latency={"ms": 300})
    desk.engine.launch([make_started(f"job_{number}") for number in range(5)])
    assert called(simulator, 5)
    assert desk.engine.drain(GRACE_S) == 0
    assert [type(each.outcome) for each in desk.finished] == [Answer] * 5


def test_draining_ends_what_outlasts_the_grace(desk: Desk, simulator: Simulator) -> None:
    """Calls that are not over in time are interrupted, reported, and counted."""
    simulator.set({**HANG, "match": {"contains": "slow"}})
    slow = [make_started(f"job_slow_{number}", text="slow") for number in range(3)]
    desk.engine.launch([*slow, make_started()])
    assert called(simulator, 3)
    assert desk.engine.drain(0.3) == 3
    assert isinstance(desk.outcome(), Answer)
    for job in slow:
        assert desk.outcome(job.id) == Interrupted(cancelled=False)


def test_draining_nothing_takes_no_time(desk: Desk) -> None:
    """Without calls a drain is over at once, whatever its grace."""
    begun = time.monotonic()
    assert desk.engine.drain(GRACE_S) == 0
    assert time.monotonic() - begun < 1
