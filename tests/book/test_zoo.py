"""The failures other gateways are known for, each as a fact about this one.

| what went wrong elsewhere | here, or where else |
| --- | --- |
| parallel calls spend beyond a budget | `test_overspend.py`, `services/start/test_caps.py` |
| "budget exceeded" with nothing running | `test_nothing_is_held_when_nothing_runs` |
| the cache and the database count differently | `test_money_does_not_know_of_redis` |
| released twice, counted again after a restart | `test_a_release_repeated_gives_back_once`, |
| | `services/settle/test_fencing.py`, `walk/` |
| refused for holds that nobody has any more | `test_a_dead_workers_hold_comes_back`, |
| | `services/crashes/test_deaths.py` |
| a client that leaves is booked more, or never released | `web/streams/test_leaving.py`, |
| | `conformance/test_streams.py`, `workers/engine/test_endings.py` |
| a stream that was cut is billed nothing | `services/settle/test_free.py`, and |
| | `test_a_late_release_does_not_undo_a_partial_bill` |
| batches pass the budget | `test_a_line_is_bound_like_a_call` |
| batches are priced in another way | `test_a_line_costs_what_a_call_costs` |
| prices that changed meanwhile, or were not found | `test_a_call_costs_what_it_was_held_at`, |
| | `services/start/test_claiming.py` |
| the log of spending is one hot table | `store/test_indexes.py`, |
| | `services/keeping/test_closing.py` |
| a hold leaks when a provider fails before its first word | |
| | `test_every_way_to_fail_gives_everything_back` |
| checked, then spent: an overdraft | `test_overspend.py`, `services/start/test_concurrency.py` |
| a stream somebody read is refunded whole | `test_a_late_release_does_not_undo_a_partial_bill` |
| long streams without a hold | `test_a_stream_is_held_before_its_first_word` |
| "credit too low" long after a top-up | `test_a_deposit_counts_at_once_everywhere` |
| a purchase without end | `services/replenish/test_buying.py`, `test_bad_input.py` |
| a field left out, and the prompt is not charged | `test_a_limit_left_out_is_held_all_the_same` |
| rounded holds exhaust a budget | `test_a_budget_is_used_to_the_last_nano_dollar` |
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain.attempt import Failure, FailureKind, Interrupted, Outcome
from app.domain.job import Lane, OnEmpty
from app.domain.pricing import Price
from app.gateway import Gateway
from app.services import read
from app.services.cancel import cancel
from app.services.keeping.sweep import sweep
from app.services.operate import credit
from app.services.operate.credit import Credit
from app.services.start import start
from tests.factories import (
    WORKER,
    Customer,
    answer,
    failure,
    make_customer,
    make_draft,
    make_job,
    read_job,
    settle_one,
    start_one,
    submit,
)
from tests.services.book import (
    COST_NANOS,
    HOLD,
    HOLD_NANOS,
    at_price,
    change,
    job_row,
    lapse,
    let_pass,
    lot,
    make_lot,
    money,
    standing,
)
from tests.services.faults import NOWHERE
from tests.services.funds import make_cap, make_tokens, tokens_of, window

Open = Callable[..., Gateway]

BEGUN = replace(failure(), begun=True)
FAILURES: dict[str, Outcome] = {
    "refused": failure(FailureKind.REJECTED, 400),
    "unauthorized": failure(FailureKind.MISCONFIGURED, 401),
    "rate limited": failure(FailureKind.RATE_LIMITED, 429),
    "unreachable": Failure(kind=FailureKind.RETRYABLE, symbol="connect", message="No."),
    "timed out": Failure(kind=FailureKind.RETRYABLE, symbol="deadline", message="Late."),
    "broken off": BEGUN,
    "cancelled": Interrupted(cancelled=True),
    "cut off": Interrupted(cancelled=False, begun=True),
}
"""Every way a call can end without an answer."""


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("lane", Lane)
def test_every_way_to_fail_gives_everything_back(
    open_another: Open, how: str, *, stream: bool, lane: Lane
) -> None:
    """Money, tokens and caps are as they were, for streams and whole answers, calls and lines."""
    gateway = open_another(attempts_max=1)
    owner = make_customer(gateway, "0")
    unit, cash = make_tokens(gateway, owner, 150, 150_001), make_lot(gateway, owner)
    cap_id = make_cap(gateway, owner, 10**9)
    job_id = make_job(gateway, owner, lane=lane, stream=stream)
    settle_one(gateway, start_one(gateway, job_id), FAILURES[how])
    assert job_row(gateway, job_id).finished_at is not None
    assert tokens_of(gateway, unit) == (0, 0, 0)
    assert (lot(gateway, cash), window(gateway, cap_id)) == ((0, 0), (0, 0))


def test_nothing_is_held_when_nothing_runs(gateway: Gateway) -> None:
    """After answers, failures, cancels, deaths and deadlines all of a balance can be held again."""
    owner = make_customer(gateway, "0")
    make_lot(gateway, owner, 5 * HOLD_NANOS)
    cap_id = make_cap(gateway, owner, 5 * HOLD_NANOS)
    ids = [make_job(gateway, owner) for _ in range(5)]
    jobs = [start_one(gateway, job_id) for job_id in ids]
    settle_one(gateway, jobs[0], replace(answer(), flags=("empty",)))
    settle_one(gateway, jobs[1], FAILURES["refused"])
    settle_one(gateway, jobs[2], failure())
    cancel(gateway, owner.caller, ids[2])
    change(gateway, "UPDATE jobs SET worker_deaths = 2 WHERE id = :id", id=ids[3])
    let_pass(gateway, ids[4], "deadline_at", 86_401)
    lapse(gateway, ids[3], ids[4])
    sweep(gateway)
    assert (money(gateway, owner), window(gateway, cap_id)) == ((0, 0), (0, 0))
    for _ in range(5):
        start_one(gateway, make_job(gateway, owner))


def test_a_dead_workers_hold_comes_back(gateway: Gateway) -> None:
    """While its job may go on it is kept for it; when the job ends it is everybody's again."""
    owner = make_customer(gateway, HOLD)
    first, second = make_job(gateway, owner), make_job(gateway, owner)
    for _ in range(3):
        start_one(gateway, first)
        assert start(gateway, [second], WORKER).started == ()
        lapse(gateway, first)
        sweep(gateway)
        change(gateway, "UPDATE jobs SET run_at = now()")
    assert standing(gateway, first)[0] == "failed"
    start_one(gateway, second)


def test_money_does_not_know_of_redis(open_another: Open) -> None:
    """Without it a job is held, paid and released just so: nothing is counted anywhere else."""
    gateway = open_another(redis_url=NOWHERE)
    owner = make_customer(gateway, "0")
    make_lot(gateway, owner, 2 * HOLD_NANOS)
    cap_id = make_cap(gateway, owner, 2 * HOLD_NANOS)
    first, second = (start_one(gateway, make_job(gateway, owner)) for _ in range(2))
    settle_one(gateway, first, answer())
    settle_one(gateway, second, Interrupted(cancelled=True))
    assert money(gateway, owner) == (0, COST_NANOS)
    assert window(gateway, cap_id) == (0, COST_NANOS)


def test_a_release_repeated_gives_back_once(
    gateway: Gateway, open_another: Open, customer: Customer
) -> None:
    """Cancelled, swept, settled late, and all of it again by a new process: one release."""
    cap_id = make_cap(gateway, customer, 10**9)
    other = start_one(gateway, make_job(gateway, customer))
    job_id = make_job(gateway, customer)
    started = start_one(gateway, job_id)
    cancel(gateway, customer.caller, job_id)
    settle_one(gateway, started, Interrupted(cancelled=True))
    for again in (gateway, open_another()):
        cancel(again, customer.caller, job_id)
        settle_one(again, started, Interrupted(cancelled=True))
        settle_one(again, started, answer())
        sweep(again)
    assert money(gateway, customer) == (other.hold.nanos, 0)
    assert window(gateway, cap_id) == (other.hold.nanos, 0)


def test_a_late_release_does_not_undo_a_partial_bill(gateway: Gateway, customer: Customer) -> None:
    """A client that left pays for what it got; the cancel it caused gives no part of it back."""
    job_id = make_job(gateway, customer, stream=True)
    started = start_one(gateway, job_id)
    cancel(gateway, customer.caller, job_id)
    settle_one(gateway, started, replace(answer(), flags=("client_left",)))
    cancel(gateway, customer.caller, job_id)
    settle_one(gateway, started, Interrupted(cancelled=True))
    sweep(gateway)
    assert money(gateway, customer) == (0, COST_NANOS)
    assert read_job(gateway, customer, job_id).cost_nanos == COST_NANOS


@pytest.mark.parametrize("lane", Lane)
def test_a_line_is_bound_like_a_call(gateway: Gateway, lane: Lane) -> None:
    """Caps, the balance, and what a job may cost at most are the same in both lanes."""
    owner = make_customer(gateway, "0")
    make_lot(gateway, owner, 3 * HOLD_NANOS)
    cap_id = make_cap(gateway, owner, 2 * HOLD_NANOS)
    new = [make_draft(gateway, owner, lane=lane) for _ in range(4)]
    new.append(replace(make_draft(gateway, owner, lane=lane), max_cost_nanos=HOLD_NANOS - 1))
    ids = submit(gateway, owner, new).job_ids
    assert len(start(gateway, ids, WORKER).started) == 2
    assert window(gateway, cap_id) == (2 * HOLD_NANOS, 0)
    found = sorted(standing(gateway, job_id)[0] for job_id in ids)
    assert found == ["failed", "running", "running", "waiting", "waiting"]
    assert job_row(gateway, ids[4]).error_code == "request_exceeds_limit"


@pytest.mark.parametrize(("sent", "got"), [(0, 1), (10, 20), (109, 100)])
def test_a_line_costs_what_a_call_costs(
    gateway: Gateway, customer: Customer, sent: int, got: int
) -> None:
    """One price, whatever the lane, the group, and the length of what was sent."""
    ids = [make_job(gateway, customer, lane=lane) for lane in (*Lane, *Lane)]
    for job in start(gateway, ids, WORKER).started:
        settle_one(gateway, job, answer(sent, got))
    costs = {read_job(gateway, customer, job_id).cost_nanos for job_id in ids}
    assert costs == {sent * 500 + got * 2_000}


def test_a_call_costs_what_it_was_held_at(gateway: Gateway, customer: Customer) -> None:
    """A price that changes while a job is under way, between attempts too, is for the next one."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), failure())
    dearer = at_price(gateway, Price(input_nanos=10**12, output_nanos=10**12))
    settle_one(dearer, start_one(dearer, job_id), answer())
    assert read_job(gateway, customer, job_id).cost_nanos == COST_NANOS


def test_a_stream_is_held_before_its_first_word(gateway: Gateway) -> None:
    """A stream is held like any call, and without a balance for all of it it does not begin."""
    owner = make_customer(gateway, HOLD)
    first = make_job(gateway, owner, stream=True)
    second = make_job(gateway, owner, stream=True, on_empty=OnEmpty.FAIL)
    (started,) = start(gateway, [first, second], WORKER).started
    assert (started.stream, started.hold.nanos) == (True, HOLD_NANOS)
    assert standing(gateway, second)[0] == "failed"
    assert money(gateway, owner) == (HOLD_NANOS, 0)


def test_a_deposit_counts_at_once_everywhere(gateway: Gateway, open_another: Open) -> None:
    """Processes that have refused an account a moment ago see its money: nobody remembers."""
    owner = make_customer(gateway, "0")
    doors = [gateway, open_another(), open_another()]
    for door in doors:
        job_id = make_job(door, owner, on_empty=OnEmpty.FAIL)
        start(door, [job_id], WORKER)
        assert job_row(door, job_id).status_code == 402
    credit.deposit(gateway, owner.account_id, Credit(nanos=3 * HOLD_NANOS), actor="ann")
    for door in doors:
        assert read.balance(door, owner.account_id).available_nanos >= HOLD_NANOS
        start_one(door, make_job(door, owner, on_empty=OnEmpty.FAIL))


@pytest.mark.parametrize("answers", [1, 3])
def test_a_limit_left_out_is_held_all_the_same(
    gateway: Gateway, customer: Customer, answers: int
) -> None:
    """The prompt is held as ever, and each of its answers at the instrument's own limit."""
    job = make_draft(gateway, customer, max_tokens=None, n=answers)
    submit(gateway, customer, [job])
    most = gateway.catalog.instruments["text-prime"].output_tokens_default
    assert start_one(gateway, job.id).hold.nanos == 109 * 500 + answers * most * 2_000


def test_a_budget_is_used_to_the_last_nano_dollar(gateway: Gateway) -> None:
    """Whole numbers all the way: a cap and a balance of exactly so many calls carry so many."""
    owner = make_customer(gateway, "0")
    make_lot(gateway, owner, 7 * HOLD_NANOS)
    make_cap(gateway, owner, 7 * HOLD_NANOS)
    for _ in range(7):
        settle_one(gateway, start_one(gateway, make_job(gateway, owner)), answer(109, 100))
    left = read.balance(gateway, owner.account_id)
    assert (left.available_nanos, left.held_nanos, left.spent_nanos) == (0, 0, 7 * HOLD_NANOS)


def test_what_never_fits_is_told_so_without_a_balance_too(gateway: Gateway) -> None:
    """A job above the whole cap does not wait for money, let alone have it bought."""
    owner = make_customer(gateway, "0")
    make_cap(gateway, owner, HOLD_NANOS - 1)
    job_id = make_job(gateway, owner)
    start(gateway, [job_id], WORKER)
    assert job_row(gateway, job_id).error_code == "request_exceeds_limit"
