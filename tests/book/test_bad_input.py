"""What must not get into the book, by any door.

Where the others are:

| what | where |
| --- | --- |
| negative, zero, too fine amounts | `cli/outside/test_money.py`, `domain/test_money.py` |
| floats for money | `domain/test_money.py`, and here on the wire |
| unknown accounts | `cli/outside/test_money.py`, `services/test_fund.py`, and here |
| replenishment without a cap | `cli/outside/test_replenish.py`, and here |
| a price per token | `services/operate/test_prices.py`, `cli/outside/test_money.py` |
| a deposit repeated | `services/operate/test_credit.py`, `services/test_fund.py`, `machine.py` |
| a clock set back | `services/replenish/test_buying.py`, and here |
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.domain.errors import InvalidRequest, OutOfRange
from app.gateway import Gateway
from app.services import read
from app.services.keeping.sweep import sweep
from app.services.operate import credit
from app.services.operate.credit import Credit
from app.services.replenish.policy import set_policy
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
from tests.services.book import (
    COST_NANOS,
    HOLD,
    HOLD_NANOS,
    change,
    lot,
    make_lot,
    money,
    standing,
    states,
)
from tests.services.funds import make_cap, window
from tests.web.api import JOBS, assert_refused, entry, open_api

ANN = "ann@bastion"
HOUR = timedelta(hours=1)

NO_AMOUNTS: list[Any] = [0.5, 1, -1, True, ["1"], {"usd": "1"}]
"""What JSON has for a number, and what it has besides; money is a decimal string."""


@pytest.mark.parametrize("nanos", [0, -1, -(10**9)])
@pytest.mark.parametrize("give", [credit.deposit, credit.grant])
def test_nothing_is_no_credit(
    gateway: Gateway, customer: Customer, give: Callable[..., object], nanos: int
) -> None:
    """Whatever lets such an amount through, the book itself refuses a lot of nothing or less."""
    with pytest.raises(IntegrityError, match="a_lot_credits_something"):
        give(gateway, customer.account_id, Credit(nanos=nanos), actor=ANN)
    assert read.balance(gateway, customer.account_id).available_nanos == 10 * 10**9


@pytest.mark.parametrize("tokens", [0, -5])
def test_no_tokens_are_no_lot(gateway: Gateway, customer: Customer, tokens: int) -> None:
    """A lot of tokens has some."""
    wanted = Credit(nanos=5, tokens=tokens, instrument="text-prime")
    with pytest.raises(DBAPIError, match=r"tokens_of_a_lot|division by zero"):
        credit.grant(gateway, customer.account_id, wanted, actor=ANN)


@pytest.mark.parametrize("give", [credit.deposit, credit.grant])
def test_nobody_gets_nothing(gateway: Gateway, give: Callable[..., object]) -> None:
    """Money for an account that is not there is refused, and nothing is written down."""
    with pytest.raises(IntegrityError, match="account_id"):
        give(gateway, "acct_none", Credit(nanos=5), actor=ANN)


@pytest.mark.parametrize("amount", NO_AMOUNTS)
def test_a_number_is_no_money_on_the_wire(gateway: Gateway, amount: object) -> None:
    """A float, or any JSON number, for money is a 400 that names the field; nothing is accepted."""
    api = open_api(gateway)
    answered = api.post(JOBS, entry(max_cost=amount))
    assert_refused(answered, 400, InvalidRequest)
    assert "max_cost" in answered.json["error"]["message"]
    assert states(gateway) == {}


@pytest.mark.parametrize("amount", ["-1", "0.0000000001", "1e3", "1,5", "$1", "NaN"])
def test_no_amount_in_a_header(gateway: Gateway, amount: str) -> None:
    """A limit that cannot be read is refused, not left out."""
    api = open_api(gateway)
    answered = api.chat(headers={"x-busbar-max-cost": amount, "Prefer": "respond-async"})
    assert answered.status_code == 400
    assert answered.json["error"]["param"] == "max_cost"
    assert states(gateway) == {}


@pytest.mark.parametrize(("amount", "cap"), [(20, 0), (20, 19), (20, -1), (0, 5), (-1, 5)])
def test_rules_that_buy_without_end_are_refused(
    gateway: Gateway, customer: Customer, amount: int, cap: int
) -> None:
    """A replenishment needs a monthly cap that allows it, and an amount."""
    with pytest.raises(OutOfRange):
        set_policy(
            gateway,
            customer.account_id,
            threshold_nanos=5,
            amount_nanos=amount,
            monthly_cap_nanos=cap,
            actor=ANN,
        )


def test_the_book_has_no_rules_without_a_cap(gateway: Gateway, customer: Customer) -> None:
    """Nor can anybody write them behind the services."""
    with pytest.raises(IntegrityError, match="monthly_cap_nanos"):
        change(
            gateway,
            "INSERT INTO replenish_policies (account_id, threshold_nanos, amount_nanos)"
            " VALUES (:id, 1, 1)",
            id=customer.account_id,
        )


@pytest.fixture(params=[-1, 1], ids=["behind", "ahead"])
def astray(gateway: Gateway, request: pytest.FixtureRequest) -> Gateway:
    """A worker whose clock is an hour behind, or ahead."""
    off = request.param * HOUR
    return replace(gateway, now=lambda: gateway.now() + off)


def test_a_wrong_clock_expires_nothing(gateway: Gateway, astray: Gateway) -> None:
    """A lot is drawn until the database says that its time is over, and not after."""
    owner = make_customer(astray, "0")
    ended = make_lot(astray, owner, HOLD_NANOS, ends_in_s=-600)
    living = make_lot(astray, owner, HOLD_NANOS, ends_in_s=600)
    ids = [make_job(astray, owner) for _ in range(2)]
    assert [job.id for job in start(astray, ids, WORKER).started] == ids[:1]
    assert (lot(gateway, ended)[0], lot(gateway, living)[0]) == (0, HOLD_NANOS)
    assert read.balance(astray, owner.account_id).available_nanos == 0


def test_a_wrong_clock_gives_the_usual_life(
    gateway: Gateway, astray: Gateway, customer: Customer
) -> None:
    """A period begins when the database says it is now."""
    wanted = Credit(nanos=5, expires=HOUR)
    given = credit.deposit(astray, customer.account_id, wanted, actor=ANN)
    assert given.expires_at is not None
    assert abs(given.expires_at - gateway.now() - HOUR) < timedelta(minutes=5)
    assert not given.is_past


def test_a_wrong_clock_takes_no_lease(gateway: Gateway, astray: Gateway) -> None:
    """A keeper with a wrong clock leaves running jobs alone, and a worker with one ends them."""
    owner = make_customer(gateway, HOLD)
    job_id = make_job(astray, owner)
    started = start_one(astray, job_id)
    assert sweep(astray) == 0
    assert 23 * 3_600 < started.left_s <= 24 * 3_600
    settle_one(astray, started, answer())
    assert standing(gateway, job_id)[0] == "succeeded"
    assert money(gateway, owner) == (0, COST_NANOS)


def test_a_wrong_clock_opens_no_other_window(gateway: Gateway, customer: Customer) -> None:
    """However far off it is, what it starts counts in the window of the database's day."""
    cap_id = make_cap(gateway, customer, HOLD_NANOS)
    lost = replace(gateway, now=lambda: gateway.now() - timedelta(days=40))
    start_one(lost, make_job(gateway, customer))
    assert window(gateway, cap_id) == (HOLD_NANOS, 0)
    second = make_job(gateway, customer)
    assert start(gateway, [second], WORKER).started == ()
    assert standing(gateway, second)[:2] == ("waiting", "capacity")


def test_a_wrong_clock_does_not_change_the_order_of_lots(gateway: Gateway, astray: Gateway) -> None:
    """What was credited first is drawn first, whoever credited it."""
    owner = make_customer(gateway, "0")
    first = make_lot(gateway, owner, HOLD_NANOS)
    second = make_lot(astray, owner, HOLD_NANOS)
    third = make_lot(gateway, owner, HOLD_NANOS)
    drawn = []
    for _ in range(3):
        (part,) = start_one(gateway, make_job(gateway, owner)).hold.parts
        drawn.append(part.lot_id)
    assert drawn == [first, second, third]
