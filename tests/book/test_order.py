"""Everybody locks in one order: jobs, then lots, then windows of caps, each by their ids."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Row, text

from app.domain.attempt import Interrupted, Outcome
from app.domain.limits.cap import Period
from app.gateway import Gateway
from app.services.cancel import cancel
from app.services.operate import caps
from app.services.settle import Finished, settle
from app.services.start import Started
from tests.factories import Customer, answer, make_customer, make_job, start_one
from tests.overheard import overheard
from tests.services.book import HOLD_NANOS, look, make_lot
from tests.simulator.running import eventually

STALLED = (
    "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)
FREE_LOTS = "SELECT id FROM lots WHERE id = ANY(:ids) FOR NO KEY UPDATE SKIP LOCKED"
Open = Callable[..., Gateway]
STOPPED, GOES_ON = Interrupted(cancelled=True), Interrupted(cancelled=False)
WHO = "ann@bastion"


@pytest.fixture
def owner(gateway: Gateway) -> Customer:
    """An account with two lots for a hold each."""
    owner = make_customer(gateway, "0")
    for _ in range(2):
        make_lot(gateway, owner, HOLD_NANOS)
    return owner


@pytest.fixture
def jobs(gateway: Gateway, owner: Customer) -> list[Started]:
    """Two jobs under way, each of which draws on a lot of its own."""
    return [start_one(gateway, make_job(gateway, owner)) for _ in range(2)]


def lots_of(jobs: Sequence[Started]) -> list[str]:
    """Return what they draw on, in their order."""
    return [part.lot_id for job in jobs for part in job.hold.parts]


def group(jobs: Sequence[Started], *outcomes: Outcome) -> list[Finished]:
    """Return how calls ended."""
    return [Finished(job=job, outcome=each) for job, each in zip(jobs, outcomes, strict=True)]


def free_while(
    gateway: Gateway, other: Gateway, held: str, finished: list[Finished], lot_ids: list[str]
) -> Sequence[Row[Any]]:
    """Settle while another one has locked a row; return the lots the settlement has not locked."""
    with ThreadPoolExecutor(1) as pool:
        with other.engine.begin() as conn:
            conn.execute(text(held))
            done = pool.submit(settle, gateway, finished)
            assert eventually(lambda: look(other, STALLED))
            free = conn.execute(text(FREE_LOTS), {"ids": lot_ids}).all()
        done.result(timeout=30)
    return free


def test_a_settlement_locks_lots_in_their_order(
    gateway: Gateway, open_another: Open, owner: Customer, jobs: list[Started]
) -> None:
    """While it waits for one lot it holds none that comes after it, so that nobody deadlocks."""
    early, late = lots_of(jobs)
    cancel(gateway, owner.caller, jobs[0].id)
    held = f"SELECT 1 FROM lots WHERE id = '{early}' FOR UPDATE"
    finished = group(jobs, GOES_ON, answer())
    assert len(free_while(gateway, open_another(), held, finished, [late])) == 1


@pytest.mark.parametrize(
    "outcomes",
    [
        pytest.param([answer(200, 200), STOPPED], id="overrun"),
        pytest.param([answer(), answer()], id="answers"),
        pytest.param([GOES_ON, STOPPED], id="goes on"),
        pytest.param([STOPPED, STOPPED], id="stopped"),
    ],
)
def test_a_settlement_locks_its_jobs_before_its_lots(
    gateway: Gateway, open_another: Open, jobs: list[Started], outcomes: list[Outcome]
) -> None:
    """While it waits for a job, which a sweeper may be about to give back, it holds no lot."""
    held = f"SELECT 1 FROM jobs WHERE id = '{jobs[1].id}' FOR UPDATE"
    finished = group(jobs, *outcomes)
    assert len(free_while(gateway, open_another(), held, finished, lots_of(jobs))) == 2


def test_a_cap_may_come_while_a_job_starts(gateway: Gateway, open_another: Open) -> None:
    """An operator who sets a second cap while the first one's window is opened breaks no start."""
    owner, other = make_customer(gateway), open_another()
    caps.set_caps(gateway, owner.account_id, None, {Period.MONTH: 10**12}, actor=WHO)

    def interfere(_conn: object, sql: str, _values: object) -> None:
        if "INSERT INTO cap_windows" in sql:
            caps.set_caps(other, owner.account_id, None, {Period.DAY: 10**12}, actor=WHO)

    with overheard(gateway.engine, after=interfere):
        started = start_one(gateway, make_job(gateway, owner))
    assert len(started.hold.caps) == 1
