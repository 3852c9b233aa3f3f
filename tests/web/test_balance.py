"""GET /v1/balance: what an account has, holds and has spent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from app.domain.money import parse_dollars
from app.gateway import Gateway
from app.services import fund
from app.services.operate.adjust import adjust
from app.store.engine import transaction
from app.store.tables import lots
from tests.factories import start_one

from .api import MOMENT, Api, open_api
from .database import administer


def dollars(balance: dict[str, str], name: str) -> int:
    """Return one of a balance's amounts in nano-dollars."""
    return parse_dollars(balance[name])


def expire(api: Api, after: timedelta) -> None:
    """Let the customer's lots end so long from now."""
    with transaction(api.gateway.engine) as conn:
        ends = datetime.now(UTC) + after
        mine = lots.c.account_id == api.customer.account_id
        conn.execute(update(lots).where(mine).values(expires_at=ends))


def test_a_new_account_has_its_deposit(api: Api) -> None:
    """A balance names its account and currency, and lists the lots it comes from."""
    balance = api.balance()
    (lot,) = balance.pop("lots")
    assert balance == {
        "object": "balance",
        "account": api.customer.account_id,
        "currency": "USD",
        "available": "10.00",
        "held": "0.00",
        "spent": "0.00",
        "adjusted": "0.00",
        "expired": "0.00",
        "next_expiry": None,
    }
    assert lot.pop("id").startswith("lot_")
    assert lot == {
        "source": "deposit",
        "amount": "10.00",
        "used": "0.00",
        "held": "0.00",
        "remaining": "10.00",
        "expired": "0.00",
        "expires_at": None,
        "instrument": None,
        "tokens": None,
    }


def test_an_account_without_money_has_nothing(poor: Api) -> None:
    """Nothing is written as zero, not as null."""
    balance = poor.balance()
    assert (balance["available"], balance["held"], balance["spent"]) == ("0.00", "0.00", "0.00")
    assert balance["lots"] == []


def test_what_is_held_is_not_available(api: Api) -> None:
    """While a job runs its hold is set aside; the sum stays."""
    start_one(api.gateway, api.later())
    balance = api.balance()
    assert dollars(balance, "held") > 0
    assert dollars(balance, "available") + dollars(balance, "held") == parse_dollars("10")


def test_what_is_spent_is_gone(api: Api, carry: Callable[..., None]) -> None:
    """Available, held and spent always sum to what was deposited."""
    carry(api)
    for _ in range(3):
        api.chat()
    balance = api.balance()
    sums = [dollars(balance, name) for name in ("available", "held", "spent")]
    assert sums[1] == 0
    assert 0 < sums[2] == parse_dollars("10") - sums[0]


def test_what_operators_took_is_not_spent(api: Api, carry: Callable[..., None]) -> None:
    """Jobs cost what they cost; an adjustment downward stands apart, and all of it adds up."""
    carry(api)
    api.chat()
    adjust(api.gateway, api.customer.account_id, -parse_dollars("3"), actor="ann", why="wrong")
    adjust(api.gateway, api.customer.account_id, parse_dollars("1"), actor="ann", why="too much")
    balance = api.balance()
    assert (balance["spent"], balance["adjusted"]) == ("0.000045", "3.00")
    names = ("available", "held", "spent", "adjusted", "expired")
    assert sum(dollars(balance, name) for name in names) == parse_dollars("11")


def test_deposits_add_up(api: Api) -> None:
    """Every deposit is a lot of its own, down to the nano-dollar."""
    fund.deposit(api.gateway, api.customer.account_id, 1, reference=None)
    balance = api.balance()
    assert balance["available"] == "10.000000001"
    assert [lot["amount"] for lot in balance["lots"]] == ["10.00", "0.000000001"]


def test_an_expired_lot_is_not_available(api: Api) -> None:
    """What has expired cannot be spent: it counts as expired, in all and of its lot."""
    expire(api, timedelta(seconds=-1))
    balance = api.balance()
    assert (balance["available"], balance["expired"]) == ("0.00", "10.00")
    assert [(lot["remaining"], lot["expired"]) for lot in balance["lots"]] == [("0.00", "10.00")]


def test_a_lot_says_when_it_expires(api: Api) -> None:
    """An expiry is a time like all others: RFC 3339 in UTC, with a Z."""
    expire(api, timedelta(hours=4))
    balance = api.balance()
    (lot,) = balance["lots"]
    assert MOMENT.fullmatch(lot["expires_at"])
    assert balance["next_expiry"] == lot["expires_at"]


def test_a_balance_is_ones_own(api: Api) -> None:
    """Another account's money is not seen."""
    assert api.another("0").balance()["lots"] == []


def test_times_are_in_utc_wherever_the_server_is(gateway: Gateway) -> None:
    """A database that keeps its clock in another zone changes no time on the wire."""
    administer(gateway.settings, "ALTER DATABASE {} SET timezone TO 'Asia/Tokyo'")
    gateway.engine.dispose()
    api = open_api(gateway)
    shown = api.job(api.later())
    assert MOMENT.fullmatch(shown["created_at"])
    assert MOMENT.fullmatch(shown["deadline_at"])
