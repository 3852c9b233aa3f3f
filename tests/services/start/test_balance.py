"""A start that finds too little balance: who waits, who fails, who goes on."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain.job import Lane, OnEmpty
from app.domain.money import NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services import fund
from app.services.start import start
from app.services.starting.refusing import BALANCE_LOOK_S
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
    HOLD,
    HOLD_NANOS,
    attempts,
    change,
    drawing,
    job_row,
    let_pass,
    look,
    make_lot,
    money,
    standing,
    states,
    with_routes,
)


@pytest.fixture
def poor(gateway: Gateway) -> Customer:
    """An account without a cent."""
    return make_customer(gateway, "0")


def test_a_job_for_a_waiting_caller_fails(gateway: Gateway, poor: Customer) -> None:
    """Who waits for an answer hears 402 now, and no attempt is counted."""
    job_id = make_job(gateway, poor, on_empty=OnEmpty.FAIL)
    assert start(gateway, [job_id], WORKER).ended == (job_id,)
    job = read_job(gateway, poor, job_id)
    assert (job.state, job.status_code, job.attempts) == ("failed", 402, 0)
    assert job.error is not None
    assert job.error.code == "insufficient_balance"
    assert attempts(gateway, job_id) == []


def test_who_cannot_pay_is_told_how_much(gateway: Gateway) -> None:
    """The refusal names what the job may cost and what there is, as decimal strings."""
    poor = make_customer(gateway, "0.0001")
    make_lot(gateway, poor, ends_in_s=-1)
    make_lot(gateway, poor, instrument="text-max")
    job_id = make_job(gateway, poor, on_empty=OnEmpty.FAIL)
    start(gateway, [job_id], WORKER)
    assert _message(gateway, poor, job_id) == (
        "This job may cost up to $0.0002545, and the balance has $0.0001 available for it;"
        " deposit funds, then send it again."
    )


def test_what_others_of_the_group_took_is_not_available(gateway: Gateway) -> None:
    """Of two jobs that start together the second hears of what the first one left."""
    poor = make_customer(gateway, "0.0003")
    ids = [make_job(gateway, poor, on_empty=OnEmpty.FAIL) for _ in range(2)]
    starts = start(gateway, ids, WORKER)
    (refused,) = starts.ended
    assert [job.id for job in starts.started] == [i for i in ids if i != refused]
    assert "the balance has $0.0000455 available" in _message(gateway, poor, refused)


def test_a_job_whose_body_is_gone_takes_nothing_from_the_others(gateway: Gateway) -> None:
    """Money for one is money for the one that can be called for."""
    poor = make_customer(gateway, HOLD)
    gone, good = (make_job(gateway, poor, on_empty=OnEmpty.FAIL) for _ in range(2))
    change(gateway, "DELETE FROM job_payloads WHERE job_id = :id", id=gone)
    starts = start(gateway, [gone, good], WORKER)
    assert [job.id for job in starts.started] == [good]
    assert starts.ended == (gone,)


def test_a_queued_job_waits(gateway: Gateway, poor: Customer) -> None:
    """A job nobody waits for pauses: waiting for balance, no attempt, no hold, no lease."""
    job_id = make_job(gateway, poor)
    starts = start(gateway, [job_id], WORKER)
    assert (starts.started, starts.ended) == ((), ())
    assert standing(gateway, job_id) == ("waiting", "balance", 0)
    assert job_row(gateway, job_id).leased_until is None
    assert attempts(gateway, job_id) == []
    assert look(gateway, "SELECT 1 FROM holds") == []


@pytest.mark.parametrize(("byte", "factor"), [(0, 1.0), (255, 1.99)])
def test_a_waiting_job_looks_again_by_itself(
    gateway: Gateway, poor: Customer, byte: int, factor: float
) -> None:
    """Should nothing ever wake it, it comes back after long, and not all of them at once."""
    job_id = make_job(gateway, poor, lane=Lane.BATCH)
    start(replace(gateway, entropy=drawing(byte)), [job_id], WORKER)
    waits = "SELECT extract(epoch FROM run_at - now()) AS s FROM jobs"
    assert float(look(gateway, waits)[0].s) == pytest.approx(BALANCE_LOOK_S * factor, rel=0.01)


def test_a_job_that_was_only_refused_has_not_started(gateway: Gateway, poor: Customer) -> None:
    """It says when it started once it has, and that it was not when it was refused."""
    job_id, impatient = make_job(gateway, poor), make_job(gateway, poor, on_empty=OnEmpty.FAIL)
    start(gateway, [job_id, impatient], WORKER)
    assert [job_row(gateway, each).started_at for each in (job_id, impatient)] == [None, None]
    make_lot(gateway, poor)
    start_one(gateway, job_id)
    assert job_row(gateway, job_id).started_at is not None


def test_a_refusal_does_not_forget_an_earlier_start(gateway: Gateway, customer: Customer) -> None:
    """A job refused in its second claim keeps the moment at which its first attempt began."""
    job_id = make_job(gateway, customer)
    settle_one(gateway, start_one(gateway, job_id), failure())
    began = job_row(gateway, job_id).started_at
    let_pass(gateway, job_id, "deadline_at", 86_401)
    let_pass(gateway, job_id, "run_at", 60)
    start(gateway, [job_id], WORKER)
    assert job_row(gateway, job_id).attempt == 2
    assert job_row(gateway, job_id).started_at == began


def test_waiting_never_counts_as_an_attempt(gateway: Gateway, poor: Customer) -> None:
    """However often it looks in vain, a job keeps all its attempts."""
    job_id = make_job(gateway, poor)
    for _ in range(10):
        start(gateway, [job_id], WORKER)
        let_pass(gateway, job_id, "run_at", 2 * BALANCE_LOOK_S)
    assert standing(gateway, job_id) == ("waiting", "balance", 0)
    make_lot(gateway, poor)
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert standing(gateway, job_id) == ("succeeded", None, 1)


def test_a_deposit_wakes_the_jobs_of_its_account(gateway: Gateway, poor: Customer) -> None:
    """They are due at once, with nobody rung for yet; another account's jobs wait on."""
    other = make_customer(gateway, "0")
    mine, theirs = make_job(gateway, poor), make_job(gateway, other)
    start(gateway, [mine, theirs], WORKER)
    fund.deposit(gateway, poor.account_id, NANOS_PER_DOLLAR, reference=None)
    assert job_row(gateway, mine).nudged_at is None
    assert [job.id for job in start(gateway, [mine, theirs], WORKER).started] == [mine]


def test_the_very_amount_is_enough(gateway: Gateway) -> None:
    """A balance of exactly the hold starts the job."""
    exact = make_customer(gateway, HOLD)
    start_one(gateway, make_job(gateway, exact))
    assert money(gateway, exact) == (HOLD_NANOS, 0)


def test_a_nano_dollar_less_is_not(gateway: Gateway, poor: Customer) -> None:
    """A balance short of the hold by the least there is starts nothing and holds nothing."""
    make_lot(gateway, poor, HOLD_NANOS - 1)
    job_id = make_job(gateway, poor)
    start(gateway, [job_id], WORKER)
    assert standing(gateway, job_id) == ("waiting", "balance", 0)
    assert money(gateway, poor) == (0, 0)


def test_a_group_shares_one_balance(gateway: Gateway, poor: Customer) -> None:
    """Of 20 jobs in one group a balance for 7 starts exactly 7, those made first."""
    make_lot(gateway, poor, 7 * HOLD_NANOS + HOLD_NANOS // 2)
    new = [make_draft(gateway, poor) for _ in range(20)]
    ids = sorted(submit(gateway, poor, new).job_ids)
    starts = start(gateway, ids[::-1], WORKER)
    assert [job.id for job in starts.started] == ids[:7]
    assert states(gateway) == {"running": 7, "waiting balance": 13}


def test_a_dear_job_does_not_stop_a_cheap_one(gateway: Gateway) -> None:
    """A job the balance cannot cover waits, and the next, which it can cover, starts."""
    small = make_customer(gateway, HOLD)
    dear = make_job(gateway, small, max_tokens=60_000)
    cheap = make_job(gateway, small)
    assert [job.id for job in start(gateway, [dear, cheap], WORKER).started] == [cheap]
    assert standing(gateway, dear) == ("waiting", "balance", 0)


def test_nobody_runs_on_another_accounts_money(
    gateway: Gateway, customer: Customer, poor: Customer
) -> None:
    """In one group with a rich account's job a poor account's job still waits."""
    rich_job, poor_job = make_job(gateway, customer), make_job(gateway, poor)
    started = start(gateway, [poor_job, rich_job], WORKER).started
    assert [job.id for job in started] == [rich_job]
    assert money(gateway, customer) == (HOLD_NANOS, 0)


def test_what_is_released_can_be_held_again(gateway: Gateway) -> None:
    """One balance carries job after job, as long as it is not spent."""
    exact = make_customer(gateway, HOLD)
    for _ in range(5):
        refused = failure(status_code=None)
        hopeless = replace(
            with_routes(gateway, 1),
            settings=gateway.settings.model_copy(update={"attempts_max": 1}),
        )
        settle_one(hopeless, start_one(gateway, make_job(gateway, exact)), refused)
    assert states(gateway) == {"failed": 5}


def test_a_job_in_its_second_attempt_needs_no_new_balance(
    gateway: Gateway, open_another: Callable[..., Gateway]
) -> None:
    """The hold of the first attempt is kept, so a retry never waits for money."""
    exact = make_customer(gateway, HOLD)
    job_id = make_job(gateway, exact)
    settle_one(gateway, start_one(gateway, job_id), failure())
    assert start_one(open_another(), job_id).attempt == 2
    assert money(gateway, exact) == (HOLD_NANOS, 0)


def _message(gateway: Gateway, customer: Customer, job_id: str) -> str:
    """What a failed job's error says."""
    error = read_job(gateway, customer, job_id).error
    assert error is not None
    return error.message
