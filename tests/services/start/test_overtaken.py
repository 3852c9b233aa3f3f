"""A job that starts alone only looks at its account's lots, until it draws from one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection

from app.domain.job import OnEmpty
from app.gateway import Gateway
from app.services.start import start
from tests.factories import WORKER, Customer, make_customer, make_job, start_one
from tests.overheard import overheard
from tests.services.book import HOLD_NANOS, change, look, make_lot, money, standing, states

Open = Callable[..., Gateway]

LOCK = "SELECT id FROM lots WHERE account_id = :id FOR UPDATE NOWAIT"


@pytest.fixture
def owner(gateway: Gateway) -> Customer:
    """An account without a cent."""
    return make_customer(gateway, "0")


def test_a_lot_is_free_until_it_is_drawn_from(
    gateway: Gateway, open_another: Open, owner: Customer
) -> None:
    """While one job is looked at, another transaction may lock the lot that pays for it."""
    make_lot(gateway, owner)
    other, found = open_another(), list[Any]()
    with _once_before_the_draw(
        gateway, lambda: found.extend(look(other, LOCK, id=owner.account_id))
    ):
        start_one(gateway, make_job(gateway, owner))
    assert len(found) == 1


def test_who_is_overtaken_waits(gateway: Gateway, open_another: Open, owner: Customer) -> None:
    """Between the look and the draw another job takes the last money: this one waits for more."""
    make_lot(gateway, owner, HOLD_NANOS)
    first, second = make_job(gateway, owner), make_job(gateway, owner)
    other = open_another()
    with _once_before_the_draw(gateway, lambda: start_one(other, second)):
        assert not start(gateway, [first], WORKER).started
    assert standing(gateway, first) == ("waiting", "balance", 0)
    assert states(gateway) == {"running": 1, "waiting balance": 1}
    assert money(gateway, owner) == (HOLD_NANOS, 0)


def test_who_is_overtaken_draws_from_the_next_lot(
    gateway: Gateway, open_another: Open, owner: Customer
) -> None:
    """The first lot is emptied meanwhile; the second one pays for the whole of it."""
    lots = [make_lot(gateway, owner, HOLD_NANOS) for _ in range(2)]
    first, second = make_job(gateway, owner), make_job(gateway, owner)
    other = open_another()
    with _once_before_the_draw(gateway, lambda: start_one(other, second)):
        came = start_one(gateway, first)
    assert came.hold.lot_ids == (lots[1],)
    assert came.attempt == 1
    assert money(gateway, owner) == (2 * HOLD_NANOS, 0)


def test_a_lot_that_is_closed_meanwhile_gives_nothing(
    gateway: Gateway, open_another: Open, owner: Customer
) -> None:
    """A lot closed between the look and the draw is not drawn from; a caller hears 402."""
    lot_id = make_lot(gateway, owner)
    job_id = make_job(gateway, owner, on_empty=OnEmpty.FAIL)
    other = open_another()
    close = "UPDATE lots SET closed_at = now() WHERE id = :id"
    with _once_before_the_draw(gateway, lambda: change(other, close, id=lot_id)):
        assert start(gateway, [job_id], WORKER).ended == (job_id,)
    assert standing(gateway, job_id) == ("failed", None, 0)
    assert money(gateway, owner) == (0, 0)


@contextmanager
def _once_before_the_draw(gateway: Gateway, act: Callable[[], Any]) -> Iterator[None]:
    """Do something right before the first statement that draws from lots is sent."""
    done: list[str] = []

    def look_at(_conn: Connection, sql: str, _values: object) -> None:
        if "INSERT INTO hold_lots" in sql and not done:
            done.append(sql)
            act()

    with overheard(gateway.engine, before=look_at):
        yield
    assert done
