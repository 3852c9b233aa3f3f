"""Tokens, money, caps and overruns in the hands of chance, on eight threads: the book is right."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app.domain.attempt import FailureKind, Interrupted, Outcome
from app.domain.limits.cap import CapScope, Period
from app.gateway import Gateway
from app.services import read
from app.services.cancel import cancel
from app.services.keeping.sweep import sweep
from app.services.settle import Finished, settle
from app.services.start import start
from tests.factories import Customer, answer, failure, make_customer, make_job
from tests.services.book import HOLD_NANOS, change, look, make_lot
from tests.services.funds import make_cap, make_tokens

ROUNDS = 25
LAPSE = (
    "UPDATE jobs SET leased_until = now() WHERE id IN (SELECT id FROM jobs"
    " WHERE state = 'running' ORDER BY id FOR UPDATE SKIP LOCKED)"
)
OUTCOMES: list[Outcome] = [
    answer(),
    answer(109, 100),
    answer(218, 200),
    answer(0, 0),
    replace(answer(), usage=None),
    replace(answer(), flags=("empty",)),
    failure(),
    failure(FailureKind.REJECTED, 400),
    Interrupted(cancelled=True),
    Interrupted(cancelled=False),
]


def walk(gateway: Gateway, owners: list[Customer], seed: int) -> None:
    """Do what a worker and its clients do, in any order."""
    chance = random.Random(seed)
    mine: list[tuple[Customer, str]] = []
    for _ in range(ROUNDS):
        owner = chance.choice(owners)
        mine += [(owner, make_job(gateway, owner)) for _ in range(chance.randint(1, 4))]
        some = [job_id for _, job_id in chance.sample(mine, min(5, len(mine)))]
        finished = [
            Finished(job=job, outcome=chance.choice(OUTCOMES))
            for job in start(gateway, some, f"w:{seed}:w").started
        ]
        if chance.random() < 0.2:
            change(gateway, LAPSE)
            sweep(gateway)
        settle(gateway, finished)
        if chance.random() < 0.3:
            gone_owner, gone = chance.choice(mine)
            cancel(gateway, gone_owner.caller, gone)
        if chance.random() < 0.4:
            tokens, nanos = chance.randint(1, 900), chance.choice([1, 77, 500_001])
            make_tokens(gateway, owner, tokens, nanos, ends_in_s=chance.choice([2.0, 5_000.0]))
        if chance.random() < 0.4:
            make_lot(gateway, owner, chance.randint(1, 3 * HOLD_NANOS))


@pytest.mark.parametrize("seed", range(2))
def test_a_mixed_walk_ends_well(gateway: Gateway, seed: int) -> None:
    """After it the doctor finds nothing, and no lot is below zero, whatever was done at once."""
    owners = [make_customer(gateway, "0") for _ in range(3)]
    make_cap(gateway, owners[0], 20 * HOLD_NANOS)
    make_cap(gateway, owners[1], 9 * HOLD_NANOS, scope=CapScope.KEY, period=Period.MONTH)
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(walk, gateway, owners, seed * 100 + at) for at in range(8)]
        for run in runs:
            run.result()
    assert read.examine(gateway) == []
    kinds = {row.kind for row in look(gateway, "SELECT DISTINCT kind FROM transfers")}
    assert {"deposit", "capture"} <= kinds
