"""The dispatcher: whose turn it is, and how deep a run queue may be."""

from collections.abc import Callable, Sequence

from app.broker import NUDGE_IDS_MAX
from app.domain.job import Lane
from app.gateway import Gateway
from app.services import fund
from app.services.keeping.dispatch import DEPTH_SLOTS, dispatch
from app.services.start import start
from app.services.starting.refusing import BALANCE_LOOK_S
from tests.factories import (
    WORKER,
    Customer,
    failure,
    make_customer,
    make_draft,
    make_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import HOLD_NANOS, job_row, let_pass, look, rung, silence, with_routes
from tests.services.faults import NOWHERE, at_once

Open = Callable[..., Gateway]


def test_batch_lines_are_rung_for(gateway: Gateway, customer: Customer) -> None:
    """Due lines go to the batch queue, oldest first, up to 50 in a message, and are marked."""
    ids = _batch(gateway, customer, 70)
    assert dispatch(gateway) == 70
    assert rung(gateway, Lane.BATCH) == [ids[:NUDGE_IDS_MAX], ids[NUDGE_IDS_MAX:]]
    assert look(gateway, "SELECT 1 FROM jobs WHERE nudged_at IS NULL") == []


def test_nobody_is_rung_for_twice(gateway: Gateway, customer: Customer) -> None:
    """A second round finds nobody left to ring for."""
    _batch(gateway, customer, 10)
    assert (dispatch(gateway), dispatch(gateway)) == (10, 0)


def test_dispatchers_at_once_share_the_jobs(
    gateway: Gateway, open_another: Open, customer: Customer
) -> None:
    """Two leaders, for the moment there are two, ring for each job once."""
    ids = _batch(gateway, customer, 300)
    keepers = [gateway, open_another()]
    assert sum(at_once(lambda number: dispatch(keepers[number % 2]), range(4))) == 300
    assert sorted(_all_rung(gateway)) == ids


def test_the_oldest_due_goes_first(open_another: Open, customer: Customer) -> None:
    """With room for a part only, those that became due first are rung for."""
    gateway = open_another(slots=25, interactive_share=0.0)
    ids = _batch(gateway, customer, 80)
    for job_id in ids[60:]:
        let_pass(gateway, job_id, "run_at", 60)
    dispatch(gateway)
    assert set(_all_rung(gateway)) == {*ids[60:], *ids[:30]}


def test_the_queue_is_only_so_deep(open_another: Open, customer: Customer) -> None:
    """However many lines there are, about twice the slots are rung for, until some are claimed."""
    gateway = open_another(slots=100)
    _batch(gateway, customer, 500)
    assert [dispatch(gateway) for _ in range(3)] == [DEPTH_SLOTS * 100, 0, 0]
    taken = _all_rung(gateway)[:70]
    silence(gateway)
    assert dispatch(gateway) == 0
    start(gateway, taken, WORKER)
    assert dispatch(gateway) == 70


def test_a_small_worker_still_gets_a_full_message(open_another: Open, customer: Customer) -> None:
    """With one slot the queue still holds one message's worth."""
    gateway = open_another(slots=1, interactive_share=0.0)
    _batch(gateway, customer, 120)
    assert (dispatch(gateway), dispatch(gateway)) == (NUDGE_IDS_MAX, 0)


def test_a_deep_queue_is_not_filled(open_another: Open, customer: Customer) -> None:
    """Messages that already wait count, whoever they are for."""
    gateway = open_another(slots=25, interactive_share=0.0)
    _batch(gateway, customer, 10)
    gateway.broker.nudge(Lane.BATCH, ["job_of_old"] * NUDGE_IDS_MAX)
    assert dispatch(gateway) == 0


def test_interactive_jobs_are_not_held_back(open_another: Open, customer: Customer) -> None:
    """A full batch queue says nothing about the other lane."""
    gateway = open_another(slots=25, interactive_share=0.0)
    _batch(gateway, customer, 200)
    job_id = make_job(open_another(redis_url=NOWHERE), customer)
    look(gateway, "UPDATE jobs SET nudged_at = NULL WHERE id = :id RETURNING id", id=job_id)
    dispatch(gateway)
    assert dispatch(gateway) == 0
    assert rung(gateway) == [[job_id]]


def test_nobody_is_rung_for_before_the_time(gateway: Gateway, customer: Customer) -> None:
    """A job in its back-off is left alone until its time, and then rung for."""
    job_id = make_job(gateway, customer)
    settle_one(with_routes(gateway, 1), start_one(gateway, job_id), failure(retry_after_s=30))
    silence(gateway)
    assert dispatch(gateway) == 0
    let_pass(gateway, job_id, "run_at", 60)
    assert (dispatch(gateway), rung(gateway)) == (1, [[job_id]])


def test_a_deposit_brings_waiting_jobs_back(gateway: Gateway) -> None:
    """Jobs that waited for their balance are rung for in the round after the deposit."""
    poor = make_customer(gateway, "0")
    job_id = make_job(gateway, poor)
    start(gateway, [job_id], WORKER)
    silence(gateway)
    assert dispatch(gateway) == 0
    fund.deposit(gateway, poor.account_id, HOLD_NANOS, reference=None)
    assert (dispatch(gateway), rung(gateway)) == (1, [[job_id]])


def test_a_job_that_looked_in_vain_is_rung_for_again(gateway: Gateway) -> None:
    """Should no deposit wake it, a job that waits for its balance is rung for by the clock."""
    poor = make_customer(gateway, "0")
    job_id = make_job(gateway, poor)
    start(gateway, [job_id], WORKER)
    silence(gateway)
    let_pass(gateway, job_id, "run_at", 2 * BALANCE_LOOK_S)
    assert (dispatch(gateway), rung(gateway)) == (1, [[job_id]])


def test_nothing_is_marked_while_redis_is_down(
    open_another: Open, gateway: Gateway, customer: Customer
) -> None:
    """Lines stay unmarked, so that they are rung for as soon as the bus is back."""
    (job_id,) = _batch(gateway, customer, 1)
    assert dispatch(open_another(redis_url=NOWHERE)) == 0
    assert job_row(gateway, job_id).nudged_at is None
    assert dispatch(gateway) == 1


def _batch(gateway: Gateway, owner: Customer, count: int) -> list[str]:
    new = [make_draft(gateway, owner, lane=Lane.BATCH) for _ in range(count)]
    return sorted(submit(gateway, owner, new).job_ids)


def _all_rung(gateway: Gateway) -> Sequence[str]:
    return [job_id for message in rung(gateway, Lane.BATCH) for job_id in message]
