"""Settling what lots of tokens pay for: exact to the nano-dollar, however it is cut up."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from app.domain.attempt import FailureKind, Interrupted
from app.gateway import Gateway
from app.services.settle import Finished, settle
from app.services.start import start
from tests.factories import (
    WORKER,
    answer,
    failure,
    make_customer,
    make_job,
    read_job,
    settle_one,
    start_one,
)
from tests.services.book import lapse, lot, make_lot, standing
from tests.services.funds import make_tokens, tokens_of, transfers


def test_tokens_pay_for_what_was_used(gateway: Gateway) -> None:
    """30 tokens of a lot at 2,000 nano-dollars each, and the other 179 go back."""
    owner = make_customer(gateway, "0")
    tokens = make_tokens(gateway, owner)
    job_id = make_job(gateway, owner)
    settle_one(gateway, start_one(gateway, job_id), answer(10, 20))
    assert tokens_of(gateway, tokens) == (30, 60_000, 0)
    assert transfers(gateway, job_id) == [("capture", tokens, 60_000)]
    assert read_job(gateway, owner, job_id).cost_nanos == 60_000


def test_money_pays_for_what_tokens_do_not_cover(gateway: Gateway) -> None:
    """Tokens pay for input first; the rest of the output costs its price in money."""
    owner = make_customer(gateway, "0")
    tokens = make_tokens(gateway, owner, 15, 15_000)
    money = make_lot(gateway, owner)
    job_id = make_job(gateway, owner)
    settle_one(gateway, start_one(gateway, job_id), answer(10, 20))
    assert tokens_of(gateway, tokens) == (15, 15_000, 0)
    assert lot(gateway, money) == (0, 15 * 2_000)
    assert read_job(gateway, owner, job_id).cost_nanos == 15_000 + 30_000


def test_a_lot_costs_exactly_its_amount(gateway: Gateway) -> None:
    """However odd the price of a token, all draws together come to what the lot cost."""
    owner = make_customer(gateway, "0")
    tokens = make_tokens(gateway, owner, 7 * 209, 10_007)
    jobs = [start_one(gateway, make_job(gateway, owner)) for _ in range(5)]
    settle(gateway, [Finished(job=job, outcome=answer(109, 100)) for job in jobs])
    for _ in range(2):
        settle_one(gateway, start_one(gateway, make_job(gateway, owner)), answer(109, 100))
    assert tokens_of(gateway, tokens) == (7 * 209, 10_007, 0)


def test_tokens_worth_nothing_yet_are_used_all_the_same(gateway: Gateway) -> None:
    """Where many tokens cost one nano-dollar a call may cost none; its tokens are gone."""
    owner = make_customer(gateway, "0")
    tokens = make_tokens(gateway, owner, 1_000, 1)
    job_id = make_job(gateway, owner)
    settle_one(gateway, start_one(gateway, job_id), answer(10, 20))
    assert tokens_of(gateway, tokens) == (30, 0, 0)
    assert transfers(gateway, job_id) == []
    assert read_job(gateway, owner, job_id).cost_nanos == 0


def test_without_usage_all_held_tokens_are_spent(gateway: Gateway) -> None:
    """Unknown is not zero, in tokens as in money."""
    owner = make_customer(gateway, "0")
    tokens = make_tokens(gateway, owner)
    settle_one(gateway, start_one(gateway, make_job(gateway, owner)), replace(answer(), usage=None))
    assert tokens_of(gateway, tokens) == (209, 418_000, 0)


def test_a_failure_gives_tokens_back(gateway: Gateway) -> None:
    """Nothing is used of a lot of tokens by a job that failed or was cancelled."""
    owner = make_customer(gateway, "0")
    tokens = make_tokens(gateway, owner)
    for outcome in (failure(FailureKind.REJECTED, 400), Interrupted(cancelled=True)):
        settle_one(gateway, start_one(gateway, make_job(gateway, owner)), outcome)
    assert tokens_of(gateway, tokens) == (0, 0, 0)


def test_a_late_worker_uses_no_tokens(gateway: Gateway) -> None:
    """An answer after the lease was lost changes nothing, also where lots had to be locked."""
    owner = make_customer(gateway, "0")
    tokens = make_tokens(gateway, owner)
    job_id = make_job(gateway, owner)
    late = start_one(gateway, job_id)
    settle_one(gateway, late, Interrupted(cancelled=False))
    again = start_one(gateway, job_id)
    settle_one(gateway, late, answer(100, 100))
    assert standing(gateway, job_id)[0] == "running"
    settle_one(gateway, again, answer(10, 20))
    assert tokens_of(gateway, tokens) == (30, 60_000, 0)


def test_a_group_mixes_tokens_and_money(gateway: Gateway) -> None:
    """Jobs of several accounts and ways of paying are settled together, each at its own cost."""
    rich, unit = make_customer(gateway), make_customer(gateway, "0")
    make_tokens(gateway, unit)
    ids = [make_job(gateway, owner) for owner in (rich, unit, rich, unit)]
    started = start(gateway, ids, WORKER).started
    settle(gateway, [Finished(job=job, outcome=answer()) for job in started])
    costs = [
        read_job(gateway, owner, i).cost_nanos for owner, i in zip((rich, unit), ids, strict=False)
    ]
    assert costs == [45_000, 60_000]


def test_a_settlement_repeated_spends_once(gateway: Gateway) -> None:
    """Eight workers that settle the same answer at once use its tokens once."""
    owner = make_customer(gateway, "0")
    tokens = make_tokens(gateway, owner)
    jobs = [start_one(gateway, make_job(gateway, owner)) for _ in range(5)]
    group = [Finished(job=job, outcome=answer(10, 20)) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(settle, gateway, group[at % 3 :]) for at in range(8)]:
            done.result()
    assert tokens_of(gateway, tokens) == (150, 300_000, 0)


def test_a_lost_lease_gives_tokens_to_the_next_attempt(gateway: Gateway) -> None:
    """Its hold is kept while a job waits for its next worker."""
    owner = make_customer(gateway, "0")
    tokens = make_tokens(gateway, owner, 209, 209)
    job_id = make_job(gateway, owner)
    start_one(gateway, job_id)
    lapse(gateway, job_id)
    assert tokens_of(gateway, tokens) == (0, 0, 209)
