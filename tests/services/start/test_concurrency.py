"""Many workers at the same jobs and the same money."""

import random
from collections.abc import Callable, Sequence
from functools import partial

from app.domain.job import Lane
from app.gateway import Gateway
from app.services import fund
from app.services.cancel import cancel
from app.services.settle import Finished, settle
from app.services.start import start
from tests.factories import Customer, answer, make_customer, make_draft, make_job, submit
from tests.services.book import COST_NANOS, HOLD_NANOS, make_lot, money, states
from tests.services.faults import at_once

Open = Callable[..., Gateway]


def test_one_of_two_gets_the_job(gateway: Gateway, open_another: Open, customer: Customer) -> None:
    """A job that two workers start at the same moment is started by one, ten times over."""
    workers = [gateway, open_another()]
    for _ in range(10):
        ids = [make_job(gateway, customer)]
        claims = at_once(partial(_start_as, workers, ids), range(2))
        assert sorted(claims) == [0, 1]
    assert states(gateway) == {"running": 10}


def test_one_of_many_threads_gets_the_job(gateway: Gateway, customer: Customer) -> None:
    """The same within one process, where 16 threads claim one job."""
    job_id = make_job(gateway, customer)
    claims = at_once(lambda number: start(gateway, [job_id], f"w:{number}:w").started, range(16))
    assert sum(len(started) for started in claims) == 1


def test_overlapping_groups_share_out_their_jobs(gateway: Gateway, open_another: Open) -> None:
    """Groups with the same ids in other orders, over the same lots, start each job once."""
    owners = [make_customer(gateway, "0") for _ in range(3)]
    for owner in owners:
        for number in range(3):
            make_lot(gateway, owner, 5 * HOLD_NANOS, ends_in_s=100.0 * number or None)
    ids = [job_id for owner in owners for job_id in _batch(gateway, owner, 20)]
    orders = [random.Random(seed).sample(ids, len(ids)) for seed in range(4)]
    workers = [gateway, open_another()]
    claims = at_once(lambda n: start(workers[n % 2], orders[n], f"w:{n}:w").started, range(4))
    started = [job.id for claim in claims for job in claim]
    assert len(started) == len(set(started)) == 45
    assert states(gateway) == {"running": 45, "waiting balance": 15}
    assert [money(gateway, owner) for owner in owners] == [(15 * HOLD_NANOS, 0)] * 3


def test_a_balance_for_some_admits_exactly_those(gateway: Gateway, open_another: Open) -> None:
    """500 jobs, started one by one by 24 threads of three processes, on money for 123."""
    owner = make_customer(gateway, "0")
    for nanos in (100 * HOLD_NANOS, 20 * HOLD_NANOS + 1_000, 4 * HOLD_NANOS - 2_000):
        make_lot(gateway, owner, nanos)
    workers = [gateway, open_another(), open_another()]
    ids = _batch(gateway, owner, 500)
    at_once(lambda n: start(workers[n % 3], [ids[n]], f"w:{n}:w"), range(500), threads=24)
    assert states(gateway) == {"running": 123, "waiting balance": 377}
    assert money(gateway, owner) == (123 * HOLD_NANOS, 0)


def test_starts_and_settlements_on_one_lot_add_up(gateway: Gateway, open_another: Open) -> None:
    """While some threads hold on a lot and others capture from it, no nano-dollar is lost."""
    owner = make_customer(gateway)
    workers = [gateway, open_another()]
    ids = _batch(gateway, owner, 200)
    groups = [ids[first : first + 10] for first in range(0, 200, 10)]

    def carry(number: int) -> None:
        worker = workers[number % 2]
        started = start(worker, groups[number], f"w:{number}:w").started
        settle(worker, [Finished(job=job, outcome=answer()) for job in started])

    at_once(carry, range(20), threads=8)
    assert states(gateway) == {"succeeded": 200}
    assert money(gateway, owner) == (0, 200 * COST_NANOS)


def test_cancelling_and_starting_at_once(gateway: Gateway, open_another: Open) -> None:
    """A job is either cancelled and free, or running with a wish to cancel; never both."""
    owner = make_customer(gateway)
    ids = _batch(gateway, owner, 20)
    other = open_another()

    def meet(number: int) -> int:
        if number % 2:
            return len(start(gateway, [ids[number // 2]], "w:1:w").started)
        cancel(other, owner.caller, ids[number // 2])
        return 0

    running = sum(at_once(meet, range(40), threads=8))
    found = states(gateway)
    assert (found.get("running", 0), found.get("cancelled", 0)) == (running, 20 - running)
    assert money(gateway, owner) == (running * HOLD_NANOS, 0)


def test_deposits_meet_starts(gateway: Gateway, open_another: Open) -> None:
    """Money that comes while jobs start on the same account is all there afterwards."""
    owner = make_customer(gateway, "0")
    ids = _batch(gateway, owner, 30)
    other = open_another()

    def meet(number: int) -> None:
        if number % 2:
            start(gateway, ids, "w:1:w")
        else:
            fund.deposit(other, owner.account_id, HOLD_NANOS, reference=None)

    at_once(meet, range(40), threads=6)
    start(gateway, ids, "w:1:w")
    found = states(gateway)
    assert sum(found.values()) == 30
    assert money(gateway, owner) == (found["running"] * HOLD_NANOS, 0)


def _start_as(workers: Sequence[Gateway], ids: Sequence[str], number: int) -> int:
    return len(start(workers[number], ids, f"w:{number}:w").started)


def _batch(gateway: Gateway, owner: Customer, count: int) -> Sequence[str]:
    new = [make_draft(gateway, owner, lane=Lane.BATCH) for _ in range(count)]
    return submit(gateway, owner, new).job_ids
