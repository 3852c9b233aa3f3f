"""Jobs that wait for their balance: who wakes them, how many, and that nobody looks in vain."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from app.domain.money import DOLLARS_MAX, NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services import fund
from app.services.keeping.dispatch import dispatch
from app.services.keeping.sweep import sweep
from app.services.keeping.wake import ACCOUNTS_MAX
from app.services.start import start
from app.store import money
from app.store.engine import transaction
from app.store.keeping.choosing import WOKEN_MAX
from app.store.keeping.waking import SHARES
from tests.factories import (
    WORKER,
    Customer,
    answer,
    make_customer,
    make_draft,
    make_job,
    settle_one,
    submit,
)
from tests.overheard import overheard
from tests.services.book import (
    HOLD_NANOS,
    change,
    copies,
    job_row,
    let_pass,
    look,
    make_lot,
    rung,
    silence,
    standing,
    states,
)
from tests.services.faults import at_once

LONG_S = 600


@pytest.fixture
def poor(gateway: Gateway) -> Customer:
    """An account without a cent."""
    return make_customer(gateway, "0")


def test_an_account_that_stays_empty_keeps_nobody_busy(gateway: Gateway, poor: Customer) -> None:
    """Its jobs are not rung for again and again, though a remainder is left on its lot."""
    make_lot(gateway, poor, HOLD_NANOS - 1)
    ids = _waiting(gateway, poor, 5)
    for _ in range(10):
        assert (sweep(gateway), dispatch(gateway)) == (0, 0)
        for job_id in ids:
            let_pass(gateway, job_id, "run_at", LONG_S / 10)
    assert rung(gateway) == []


def test_money_wakes_as_many_as_it_pays(gateway: Gateway, poor: Customer) -> None:
    """Of 20 jobs a deposit for 7 wakes 7, who all start; the sweeps after it wake nobody."""
    ids = _waiting(gateway, poor, 20)
    _pay(gateway, poor, 7 * HOLD_NANOS + HOLD_NANOS // 2)
    assert states(gateway) == {"queued": 7, "waiting balance": 13}
    assert (sweep(gateway), dispatch(gateway)) == (0, 7)
    assert sum(len(message) for message in rung(gateway)) == 7
    assert len(start(gateway, ids, WORKER).started) == 7
    assert (sweep(gateway), states(gateway)) == (0, {"running": 7, "waiting balance": 13})


def test_what_a_settlement_gives_back_wakes_the_next(gateway: Gateway, poor: Customer) -> None:
    """Money that a job held and did not spend carries the next one, without a deposit."""
    _pay(gateway, poor, HOLD_NANOS + HOLD_NANOS // 2)
    first, second = make_job(gateway, poor), make_job(gateway, poor)
    (started,) = start(gateway, [first, second], WORKER).started
    assert sweep(gateway) == 0
    settle_one(gateway, started, answer())
    assert sweep(gateway) == 1
    assert standing(gateway, second)[0] == "queued"


def test_a_deposit_during_the_first_refusal_is_noticed(gateway: Gateway, poor: Customer) -> None:
    """A deposit between a start's look at the lots and its commit sees nobody; the sweep does."""
    job_id = make_job(gateway, poor)
    silence(gateway)
    with _before(gateway, "needed_nanos=", lambda: _pay(gateway, poor, HOLD_NANOS)):
        start(gateway, [job_id], WORKER)
    assert standing(gateway, job_id) == ("waiting", "balance", 0)
    assert (sweep(gateway), dispatch(gateway), rung(gateway)) == (1, 1, [[job_id]])
    assert len(start(gateway, [job_id], WORKER).started) == 1


def test_a_dear_job_does_not_stop_a_cheap_one(gateway: Gateway, poor: Customer) -> None:
    """Money for the cheaper of two jobs wakes that one, though the other waited before it."""
    dear = make_job(gateway, poor, max_tokens=60_000)
    cheap = make_job(gateway, poor)
    start(gateway, [dear, cheap], WORKER)
    _pay(gateway, poor, HOLD_NANOS)
    assert (standing(gateway, dear)[0], standing(gateway, cheap)[0]) == ("waiting", "queued")


def test_money_for_one_instrument_wakes_its_jobs_only(gateway: Gateway, poor: Customer) -> None:
    """A lot that serves another instrument is no money to those who wait for this one."""
    prime = make_job(gateway, poor)
    standard = make_job(gateway, poor, model="text-standard")
    start(gateway, [prime, standard], WORKER)
    with transaction(gateway.engine) as conn:
        _credit(gateway, conn, poor)
    change(gateway, "UPDATE lots SET instrument = 'text-standard'")
    assert sweep(gateway) == 1
    assert (standing(gateway, prime)[0], standing(gateway, standard)[0]) == ("waiting", "queued")


def test_an_expired_lot_wakes_nobody(gateway: Gateway, poor: Customer) -> None:
    """Money past its time is no money."""
    _waiting(gateway, poor, 1)
    with transaction(gateway.engine) as conn:
        _credit(gateway, conn, poor)
    change(gateway, "UPDATE lots SET expires_at = now()")
    assert sweep(gateway) == 0


def test_another_accounts_money_wakes_nobody(
    gateway: Gateway, poor: Customer, customer: Customer
) -> None:
    """A rich account beside it is of no use to a poor one."""
    _waiting(gateway, poor, 1)
    make_job(gateway, customer)
    _pay(gateway, customer, HOLD_NANOS)
    assert sweep(gateway) == 0
    assert states(gateway) == {"waiting balance": 1, "queued": 1}


def test_a_great_many_are_woken_in_steps(gateway: Gateway, poor: Customer) -> None:
    """A deposit wakes the first, each sweep further ones, so that no step takes long."""
    (job_id,) = _waiting(gateway, poor, 1)
    copies(gateway, job_id, SHARES[0] + 9)
    _pay(gateway, poor, 2 * SHARES[0] * HOLD_NANOS)
    assert states(gateway) == {"queued": SHARES[0], "waiting balance": 10}
    assert sweep(gateway) == 10


def test_no_more_are_woken_than_are_carried(gateway: Gateway, poor: Customer) -> None:
    """Beside very many woken jobs that nobody has claimed yet no more are woken."""
    (job_id,) = _waiting(gateway, poor, 1)
    (extra, *woken) = copies(gateway, job_id, WOKEN_MAX + 1)
    assert len(woken) == WOKEN_MAX
    change(gateway, "UPDATE jobs SET state = 'queued', reason = NULL WHERE id <> :id", id=extra)
    change(gateway, "DELETE FROM jobs WHERE id = :id", id=job_id)
    _pay(gateway, poor, 2 * WOKEN_MAX * HOLD_NANOS)
    assert (sweep(gateway), standing(gateway, extra)[0]) == (0, "waiting")
    change(gateway, "UPDATE jobs SET needed_nanos = 0 WHERE id = :id", id=woken[0])
    assert (sweep(gateway), standing(gateway, extra)[0]) == (1, "queued")


def test_accounts_share_a_sweep(gateway: Gateway) -> None:
    """One account with very many jobs leaves room for the others in the same step."""
    owners = [make_customer(gateway, "0") for _ in range(3)]
    for owner in owners:
        (job_id,) = _waiting(gateway, owner, 1)
        copies(gateway, job_id, SHARES[1] + 9)
    with transaction(gateway.engine) as conn:
        for owner in owners:
            _credit(gateway, conn, owner, 1_000 * HOLD_NANOS)
    assert [sweep(gateway) for _ in range(2)] == [3 * SHARES[1], 30]


def test_the_last_of_many_accounts_is_reached(gateway: Gateway, poor: Customer) -> None:
    """With more poor accounts than a sweep looks at, the next sweeps look at the others."""
    (job_id,) = _waiting(gateway, poor, 1)
    change(
        gateway,
        "WITH made AS (INSERT INTO accounts (id, name) SELECT 'acct_0' || lpad(n::text, 5, '0'),"
        " 'n' || n FROM generate_series(1, :n) AS n RETURNING id)"
        " INSERT INTO jobs (id, account_id, key_id, lane, endpoint, instrument, on_empty,"
        " input_tokens_max, output_tokens_max, state, reason, needed_nanos, run_at, deadline_at)"
        " SELECT 'job_' || made.id, made.id, key_id, lane, endpoint, instrument, on_empty,"
        " input_tokens_max, output_tokens_max, state, reason, needed_nanos, run_at, deadline_at"
        " FROM jobs, made WHERE jobs.id = :id",
        n=ACCOUNTS_MAX + 10,
        id=job_id,
    )
    with transaction(gateway.engine) as conn:
        _credit(gateway, conn, poor)
    assert [sweep(gateway) for _ in range(3)] == [0, 1, 0]
    assert standing(gateway, job_id)[0] == "queued"


def test_the_largest_balances_wake(gateway: Gateway, poor: Customer) -> None:
    """Lots that together are more than one number column holds are money like any other."""
    _waiting(gateway, poor, 3)
    with transaction(gateway.engine) as conn:
        for _ in range(3):
            _credit(gateway, conn, poor, (DOLLARS_MAX - 1) * NANOS_PER_DOLLAR)
    assert sweep(gateway) == 3


def test_a_job_dearer_than_any_number_waits(gateway: Gateway, poor: Customer) -> None:
    """A hold beyond what a number column holds is refused like any other."""
    job_id = make_job(gateway, poor)
    change(gateway, "UPDATE jobs SET output_tokens_max = :n", n=2**62)
    start(gateway, [job_id], WORKER)
    assert standing(gateway, job_id) == ("waiting", "balance", 0)
    assert job_row(gateway, job_id).needed_nanos == 2**63 - 1


def test_keepers_at_once_wake_each_job_once(gateway: Gateway, poor: Customer) -> None:
    """Two leaders, for the moment there are two, and a teller wake no more than the money pays."""
    _waiting(gateway, poor, 100)
    with transaction(gateway.engine) as conn:
        _credit(gateway, conn, poor, 60 * HOLD_NANOS)
    assert sum(at_once(lambda _: sweep(gateway), range(4))) >= 60
    woken = states(gateway)["queued"]
    change(gateway, "UPDATE jobs SET run_at = now()")
    ids = [row.id for row in look(gateway, "SELECT id FROM jobs")]
    assert len(start(gateway, ids, WORKER).started) == 60
    assert 60 <= woken <= 100


def _waiting(gateway: Gateway, owner: Customer, count: int) -> Sequence[str]:
    """Submit jobs, and have them refused; nobody is rung for."""
    new = [make_draft(gateway, owner) for _ in range(count)]
    ids = submit(gateway, owner, new).job_ids
    start(gateway, ids, WORKER)
    silence(gateway)
    assert all(standing(gateway, job_id)[0] == "waiting" for job_id in ids)
    return ids


def _pay(gateway: Gateway, owner: Customer, nanos: int) -> None:
    fund.deposit(gateway, owner.account_id, nanos, reference=None)


def _credit(gateway: Gateway, conn: Connection, owner: Customer, nanos: int = HOLD_NANOS) -> None:
    """Credit an account as a teller does that dies right after it."""
    money.deposit(
        conn,
        lot_id=gateway.new_id("lot"),
        transfer_id=gateway.new_id("tr"),
        account_id=owner.account_id,
        amount_nanos=nanos,
        reference=None,
    )


@contextmanager
def _before(gateway: Gateway, statement: str, act: Callable[[], None]) -> Iterator[None]:
    """Do something right before a start sends the statement with those words."""
    done: list[str] = []

    def look_at(_conn: Connection, sql: str, _values: object) -> None:
        if statement in sql and "FROM r " in sql and not done:
            done.append(sql)
            act()

    with overheard(gateway.engine, before=look_at):
        yield
    assert done
