"""A whole worker in one process: from a message to a settled job, and out again."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from app.broker import BATCH, INTERACTIVE, QUEUES, WEBHOOKS
from app.domain.job import Lane
from app.gateway import Gateway
from app.services.cancel import cancel
from tests.factories import Customer, make_customer, make_draft, make_job, start_one, submit
from tests.services.book import (
    attempts,
    job_row,
    lapse,
    money,
    rung,
    silence,
    standing,
    states,
)
from tests.services.faults import NOWHERE, away
from tests.simulator.running import Simulator, eventually
from workers.worker import Worker

Open = Callable[..., Gateway]
Hire = Callable[..., Worker]
HANG = {"fault": "hang"}


@pytest.fixture
def hire(open_another: Open, gateway: Gateway) -> Iterator[Hire]:
    """Open workers, each with a gateway of its own, and drain them in the end."""
    hired: list[Worker] = []

    def hire_one(
        *,
        queues: Sequence[str] = QUEUES,
        heartbeat_file: Path | None = None,
        **changes: object,
    ) -> Worker:
        settings = {"catalog": gateway.settings.catalog, "drain_s": 0.2, **changes}
        worker = Worker(open_another(**settings), queues=queues, heartbeat_file=heartbeat_file)
        worker.open()
        hired.append(worker)
        return worker

    yield hire_one
    for worker in hired:
        if worker._engine._thread.is_alive():
            worker.drain()


@pytest.mark.parametrize("lane", Lane)
def test_a_worker_carries_jobs_to_their_end(
    gateway: Gateway, customer: Customer, hire: Hire, lane: Lane
) -> None:
    """What a message names is started, called, settled and paid."""
    new = [make_draft(gateway, customer, lane=lane) for _ in range(20)]
    hire().offer(lane, submit(gateway, customer, new).job_ids)
    assert _become(gateway, {"succeeded": 20})
    assert money(gateway, customer)[0] == 0


def test_slots_come_back(gateway: Gateway, customer: Customer, hire: Hire) -> None:
    """A worker with two slots carries ten jobs, two at a time."""
    worker = hire(slots=2, interactive_share=0.0)
    new = [make_draft(gateway, customer) for _ in range(10)]
    worker.offer(Lane.INTERACTIVE, submit(gateway, customer, new).job_ids)
    assert _become(gateway, {"succeeded": 10})


@pytest.mark.parametrize(
    ("queues", "at_once"),
    [(QUEUES, 2), ((INTERACTIVE, BATCH), 2), ((BATCH,), 4), ((BATCH, WEBHOOKS), 4)],
    ids=["all", "both lanes", "batch", "batch, webhooks"],
)
def test_a_share_is_kept_free_for_those_who_may_come(
    gateway: Gateway,
    customer: Customer,
    hire: Hire,
    simulator: Simulator,
    queues: Sequence[str],
    at_once: int,
) -> None:
    """Batch lines leave slots free on a worker that serves interactive calls, and only there."""
    simulator.set(latency={"ms": 100})
    new = [make_draft(gateway, customer, lane=Lane.BATCH) for _ in range(6)]
    worker = hire(queues=queues, slots=4, interactive_share=0.5)
    worker.offer(Lane.BATCH, submit(gateway, customer, new).job_ids)
    assert _become(gateway, {"succeeded": 6})
    assert simulator.calls()["in_flight_peak"] == at_once


def test_another_route_is_tried_by_the_next_message(
    gateway: Gateway, customer: Customer, hire: Hire, simulator: Simulator
) -> None:
    """A 503 puts the job back and rings; the next attempt takes the other route."""
    simulator.set({"fault": "status", "status": 503, "match": {"model": "sim-medium"}})
    job_id = make_job(gateway, customer)
    silence(gateway)
    worker = hire()
    worker.offer(Lane.INTERACTIVE, [job_id])
    assert eventually(lambda: rung(gateway) == [[job_id]])
    worker.offer(Lane.INTERACTIVE, [job_id])
    assert _become(gateway, {"succeeded": 1})
    assert attempts(gateway, job_id) == ["failed", "succeeded"]


def test_beats_keep_a_long_call(
    gateway: Gateway, customer: Customer, hire: Hire, simulator: Simulator
) -> None:
    """A call that lasts several leases stays with its worker, though another one sweeps."""
    simulator.set(latency={"ms": 2_000})
    job_id = make_job(gateway, customer)
    hire(lease_s=0.8).offer(Lane.INTERACTIVE, [job_id])
    hire()
    assert _become(gateway, {"succeeded": 1})
    assert standing(gateway, job_id) == ("succeeded", None, 1)


def test_a_cancellation_reaches_the_call(
    gateway: Gateway, customer: Customer, hire: Hire, simulator: Simulator
) -> None:
    """The worker that carries a cancelled job ends its call and releases its hold."""
    simulator.set(HANG)
    job_id = make_job(gateway, customer)
    hire().offer(Lane.INTERACTIVE, [job_id])
    assert eventually(lambda: simulator.calls()["in_flight"] == 1)
    cancel(gateway, customer.caller, job_id)
    assert _become(gateway, {"cancelled": 1})
    assert eventually(lambda: simulator.calls()["in_flight"] == 0)
    assert money(gateway, customer) == (0, 0)


def test_a_lost_job_is_let_go(
    gateway: Gateway,
    customer: Customer,
    hire: Hire,
    simulator: Simulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A worker that learns that another one has its job says so and ends its call, unsettled."""
    caplog.set_level(logging.WARNING)
    simulator.set(HANG)
    job_id = make_job(gateway, customer)
    hire(lease_s=0.9).offer(Lane.INTERACTIVE, [job_id])
    assert eventually(lambda: simulator.calls()["in_flight"] == 1)
    taken = "UPDATE jobs SET attempt = attempt + 1, worker_id = 'w' WHERE state = 'running'"
    with gateway.engine.begin() as conn:
        conn.exec_driver_sql(taken)
        conn.exec_driver_sql("UPDATE attempts SET number = number + 1")
    assert eventually(lambda: simulator.calls()["in_flight"] == 0)
    assert job_row(gateway, job_id).state == "running"
    assert caplog.text.count("keeper.lost_leases jobs=1") == 1


def test_draining_gives_jobs_back(
    gateway: Gateway, customer: Customer, hire: Hire, simulator: Simulator
) -> None:
    """What is not over within the grace is queued again, rung for, with no attempt counted."""
    simulator.set(HANG)
    job_id = make_job(gateway, customer)
    silence(gateway)
    worker = hire()
    worker.offer(Lane.INTERACTIVE, [job_id])
    assert eventually(lambda: simulator.calls()["in_flight"] == 1)
    worker.drain()
    assert standing(gateway, job_id) == ("queued", None, 0)
    assert rung(gateway) == [[job_id]]


def test_draining_finishes_what_it_can(
    gateway: Gateway, customer: Customer, hire: Hire, simulator: Simulator
) -> None:
    """Calls that end within the grace are settled before the worker is gone."""
    simulator.set(latency={"ms": 300})
    new = [make_draft(gateway, customer) for _ in range(5)]
    worker = hire(drain_s=10)
    worker.offer(Lane.INTERACTIVE, submit(gateway, customer, new).job_ids)
    worker.drain()
    assert states(gateway) == {"succeeded": 5}


def test_a_stopping_worker_takes_nothing(gateway: Gateway, customer: Customer, hire: Hire) -> None:
    """From the signal on messages go back to the queue for others."""
    job_id = make_job(gateway, customer)
    silence(gateway)
    worker = hire()
    worker.stop_claiming()
    worker.offer(Lane.INTERACTIVE, [job_id])
    assert (states(gateway), rung(gateway)) == ({"queued": 1}, [[job_id]])


def test_without_redis_jobs_are_taken_from_the_rows(
    gateway: Gateway, customer: Customer, hire: Hire
) -> None:
    """With the bus away a worker finds due jobs of both lanes by itself."""
    for lane in Lane:
        make_job(gateway, customer, lane=lane)
    hire(redis_url=NOWHERE)
    assert _become(gateway, {"succeeded": 2})


def test_without_redis_a_worker_keeps_to_its_queues(
    gateway: Gateway, customer: Customer, hire: Hire
) -> None:
    """Who serves batch lines only takes no interactive job from the rows either."""
    jobs = {lane: make_job(gateway, customer, lane=lane) for lane in Lane}
    hire(queues=(BATCH,), redis_url=NOWHERE)
    assert eventually(lambda: standing(gateway, jobs[Lane.BATCH])[0] == "succeeded", within_s=15)
    assert standing(gateway, jobs[Lane.INTERACTIVE])[0] == "queued"


def test_draining_ends_while_postgres_is_away(
    gateway: Gateway,
    customer: Customer,
    hire: Hire,
    simulator: Simulator,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A worker that is stopped in an outage leaves its answers to their leases, and says so."""
    simulator.set(latency={"ms": 300})
    job_id = make_job(gateway, customer)
    worker = hire(drain_s=1.0)
    worker.offer(Lane.INTERACTIVE, [job_id])
    assert eventually(lambda: simulator.calls()["in_flight"] == 1)
    with away(database_url):
        assert eventually(lambda: "settler.waits" in caplog.text, within_s=15)
        begun = time.monotonic()
        worker.drain()
        assert time.monotonic() - begun < 20
    assert "settler.gave_up answers=1" in caplog.text
    gateway.engine.dispose()
    assert standing(gateway, job_id) == ("running", None, 1)


def test_an_answer_outlives_an_outage(
    gateway: Gateway, customer: Customer, hire: Hire, simulator: Simulator, database_url: str
) -> None:
    """A call that ends while Postgres is away is settled after it, without another call."""
    simulator.set(latency={"ms": 300})
    job_id = make_job(gateway, customer)
    hire().offer(Lane.INTERACTIVE, [job_id])
    assert eventually(lambda: simulator.calls()["in_flight"] == 1)
    with away(database_url):
        assert eventually(lambda: simulator.calls()["answered"] == 1)
    gateway.engine.dispose()
    assert _become(gateway, {"succeeded": 1})
    assert simulator.calls()["total"] == 1


def test_a_leader_rings_and_recovers(
    gateway: Gateway, open_another: Open, customer: Customer, hire: Hire
) -> None:
    """One worker leads by itself: a batch line is rung for, a dead worker's job too."""
    line = make_job(gateway, customer, lane=Lane.BATCH)
    lost = make_job(gateway, customer)
    start_one(gateway, lost, "tests:9:worker_dead")
    lapse(gateway, lost)
    silence(gateway)
    for _ in range(2):
        hire(lease_s=1)  # a new leader spares what lapsed before it came for half a lease
    assert eventually(lambda: (rung(gateway, Lane.BATCH), rung(gateway)) == ([[line]], [[lost]]))
    assert attempts(gateway, lost) == ["lost"]


def test_progress_is_shown_to_a_supervisor(hire: Hire, gateway: Gateway, tmp_path: Path) -> None:
    """The heartbeat file is touched as long as the keeper gets round."""
    file = tmp_path / "heartbeat"
    hire(heartbeat_file=file)
    assert eventually(file.exists)
    first = file.stat().st_mtime_ns
    assert eventually(lambda: file.stat().st_mtime_ns > first)


def test_a_poor_accounts_jobs_hold_no_slot(gateway: Gateway, hire: Hire) -> None:
    """Jobs that wait for money leave the worker's only slot to those that can run."""
    poor, rich = make_customer(gateway, "0"), make_customer(gateway)
    worker = hire(slots=1, interactive_share=0.0)
    waiting = [make_job(gateway, poor) for _ in range(3)]
    worker.offer(Lane.INTERACTIVE, [*waiting, make_job(gateway, rich)])
    assert _become(gateway, {"succeeded": 1, "waiting balance": 3})


def _become(gateway: Gateway, wanted: dict[str, int]) -> bool:
    return eventually(lambda: states(gateway) == wanted, within_s=15)
