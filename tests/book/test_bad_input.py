"""What must not get into the book, by any door.

Where the others are:

| what | where |
| --- | --- |
| negative, zero, too fine amounts | `cli/outside/test_money.py`, `domain/test_money.py` |
| floats for money | `domain/test_money.py`, and here on the wire |
| unknown accounts | `cli/outside/test_money.py`, `services/test_fund.py`, and here |
| replenishment without a cap | `cli/outside/test_replenish.py`, and here |
| a price per token | `services/operate/test_prices.py`, `cli/outside/test_money.py` |
| a deposit repeated | `services/operate/test_credit.py`, `services/test_fund.py`, `walk/` |
| a clock set back | `test_clocks.py`, `services/replenish/test_buying.py` |
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.domain.errors import InvalidRequest, OutOfRange
from app.gateway import Gateway
from app.services import read
from app.services.operate import credit
from app.services.operate.credit import Credit
from app.services.replenish.policy import set_policy
from tests.factories import (
    Customer,
)
from tests.services.book import (
    change,
    states,
)
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
