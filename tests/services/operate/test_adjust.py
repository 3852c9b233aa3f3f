"""Adjustments: upward a lot, downward out of lots, never below what is there."""

from collections.abc import Callable

import pytest

from app.domain.errors import InsufficientBalance, NotFound, ReferenceReused
from app.domain.money import NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services.operate.adjust import adjust, take_back
from app.services.operate.credit import Credit, deposit
from app.services.start import start
from tests.factories import (
    WORKER,
    Customer,
    answer,
    make_customer,
    make_job,
    settle_one,
    start_one,
)
from tests.services.book import HOLD_NANOS, look, lot, make_lot
from tests.services.faults import at_once
from tests.services.funds import make_tokens, tokens_of
from tests.services.operate.conftest import ANN


def test_an_adjustment_gives(
    gateway: Gateway, customer: Customer, available: Callable[[Customer], int]
) -> None:
    """Upward it is a lot of its own kind."""
    done = adjust(gateway, customer.account_id, 5, actor=ANN, why="rounding")
    assert available(customer) == 10 * NANOS_PER_DOLLAR + 5
    (row,) = look(gateway, "SELECT source FROM lots WHERE id = :id", id=done.lot_ids[0])
    assert row.source == "adjustment"


def test_an_adjustment_takes_in_drawing_order(gateway: Gateway) -> None:
    """The lot that expires next gives first; each gives with a transfer of its own."""
    owner = make_customer(gateway, "0")
    lasting, expiring = make_lot(gateway, owner, 10), make_lot(gateway, owner, 10, ends_in_s=600)
    done = adjust(gateway, owner.account_id, -15, actor=ANN, why="paid back")
    assert done.lot_ids == (expiring, lasting)
    assert (lot(gateway, expiring), lot(gateway, lasting)) == ((0, 10), (0, 5))
    rows = look(gateway, "SELECT * FROM transfers WHERE kind = 'adjustment' ORDER BY id")
    assert {(row.debit, row.lot_id, row.amount_nanos) for row in rows} == {
        (owner.account_id, expiring, 10),
        (owner.account_id, lasting, 5),
    }


def test_what_is_held_is_not_taken(
    gateway: Gateway, audited: Callable[[Customer], list[str]]
) -> None:
    """More than is free is refused whole, with what could be taken."""
    owner = make_customer(gateway, "1")
    start(gateway, [make_job(gateway, owner)], WORKER)
    free = NANOS_PER_DOLLAR - HOLD_NANOS
    with pytest.raises(InsufficientBalance, match=r"Only 0.9997455 dollars can be taken"):
        adjust(gateway, owner.account_id, -free - 1, actor=ANN, why="too much")
    assert audited(owner) == []
    assert adjust(gateway, owner.account_id, -free, actor=ANN, why="all") is not None
    assert audited(owner) == ["adjustment"]


def test_tokens_and_what_expired_are_not_taken(gateway: Gateway) -> None:
    """Only money that could be spent is there to be taken."""
    owner = make_customer(gateway, "0")
    make_lot(gateway, owner, 10, ends_in_s=-1)
    unit = Credit(nanos=10, tokens=10, instrument="text-prime")
    deposit(gateway, owner.account_id, unit, actor=ANN)
    with pytest.raises(InsufficientBalance, match=r"Only 0.00 dollars"):
        adjust(gateway, owner.account_id, -1, actor=ANN, why="none")


def test_many_who_take_at_once_take_what_there_is(
    gateway: Gateway, open_another: Callable[..., Gateway]
) -> None:
    """Ten take a tenth and ten come too late; the balance ends at nothing, not below."""
    owner, tellers = make_customer(gateway, "1"), [gateway, open_another()]

    def take(number: int) -> int:
        part = NANOS_PER_DOLLAR // 10
        try:
            adjust(tellers[number % 2], owner.account_id, -part, actor=ANN, why="tenth")
        except InsufficientBalance:
            return 0
        return part

    assert sum(at_once(take, range(20))) == NANOS_PER_DOLLAR


def test_what_is_given_lasts_as_the_settings_say(
    open_another: Callable[..., Gateway], customer: Customer
) -> None:
    """An adjustment is credit like any other."""
    gateway = open_another(lot_expires_s=14_400.0)
    done = adjust(gateway, customer.account_id, 5, actor=ANN, why="rounding")
    life = "SELECT expires_at - created_at AS life FROM lots WHERE id = :id"
    (row,) = look(gateway, life, id=done.lot_ids[0])
    assert row.life.total_seconds() == 14_400


@pytest.mark.parametrize("nanos", [-5, 5])
def test_a_reference_adjusts_once(
    gateway: Gateway,
    open_another: Callable[..., Gateway],
    customer: Customer,
    audited: Callable[[Customer], list[str]],
    available: Callable[[Customer], int],
    nanos: int,
) -> None:
    """A command that is run again after its connection broke changes nothing more."""
    tellers = [gateway, open_another()]

    def put_right(number: int) -> bool:
        return adjust(
            tellers[number % 2], customer.account_id, nanos, actor=ANN, why="x", reference="case 7"
        ).is_new

    assert sum(at_once(put_right, range(8))) == 1
    assert audited(customer) == ["adjustment"]
    assert available(customer) == 10 * NANOS_PER_DOLLAR + nanos
    for other in (-nanos, 2 * nanos):
        with pytest.raises(ReferenceReused, match="a adjustment of"):
            adjust(gateway, customer.account_id, other, actor=ANN, why="x", reference="case 7")


def test_one_lot_is_taken_back(gateway: Gateway, customer: Customer) -> None:
    """All that is left of it, and nothing of the others; a second time there is nothing."""
    lot_id = make_lot(gateway, customer, 70)
    done = take_back(gateway, customer.account_id, lot_id, actor=ANN, why="twice")
    assert (done.nanos, lot(gateway, lot_id)) == (-70, (0, 70))
    with pytest.raises(InsufficientBalance, match="Nothing can be taken from lot_"):
        take_back(gateway, customer.account_id, lot_id, actor=ANN, why="twice")
    with pytest.raises(NotFound, match="has no lot 'lot_none'"):
        take_back(gateway, customer.account_id, "lot_none", actor=ANN, why="x")


def test_tokens_are_taken_back_but_for_those_that_are_held(gateway: Gateway) -> None:
    """A lot of tokens credited by mistake goes, while a job that draws on it goes on."""
    owner = make_customer(gateway, "0")
    lot_id = make_tokens(gateway, owner, 1_000, 1_000_000)
    job_id = make_job(gateway, owner)
    started = start_one(gateway, job_id)
    first = take_back(gateway, owner.account_id, lot_id, actor=ANN, why="mistake")
    assert tokens_of(gateway, lot_id)[0] == 1_000 - 209
    settle_one(gateway, started, answer())
    second = take_back(gateway, owner.account_id, lot_id, actor=ANN, why="mistake")
    cost = 1_000_000 + first.nanos + second.nanos
    assert tokens_of(gateway, lot_id) == (1_000, 1_000_000, 0)
    (row,) = look(gateway, "SELECT cost_nanos FROM jobs WHERE id = :id", id=job_id)
    assert row.cost_nanos == cost


def test_a_reference_takes_back_one_lot(gateway: Gateway, customer: Customer) -> None:
    """The same lot again is the same action; another one is not."""
    first, second = make_lot(gateway, customer, 70), make_lot(gateway, customer, 70)
    said = {"actor": ANN, "why": "twice", "reference": "case 7"}
    done = take_back(gateway, customer.account_id, first, **said)
    again = take_back(gateway, customer.account_id, first, **said)
    assert (again.nanos, again.lot_ids, again.is_new) == (done.nanos, (first,), False)
    with pytest.raises(ReferenceReused, match="was used for another lot"):
        take_back(gateway, customer.account_id, second, **said)
    assert lot(gateway, second) == (0, 0)
