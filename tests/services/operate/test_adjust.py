"""Adjustments: upward a lot, downward out of lots, never below what is there."""

from collections.abc import Callable

import pytest

from app.domain.errors import InsufficientBalance
from app.domain.money import NANOS_PER_DOLLAR
from app.gateway import Gateway
from app.services.operate.adjust import adjust
from app.services.operate.credit import Credit, deposit
from app.services.start import start
from tests.factories import WORKER, Customer, make_customer, make_job
from tests.services.book import HOLD_NANOS, look, lot, make_lot
from tests.services.faults import at_once
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
