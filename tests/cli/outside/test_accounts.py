"""`busbar accounts` as operators call it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.money import parse_dollars
from app.gateway import Gateway
from app.services.operate.adjust import adjust
from tests.factories import Customer, answer, make_customer, make_job, settle_one, start_one
from tests.services.book import change, look, make_lot

Busbar = Callable[..., Any]


@pytest.fixture
def acme(gateway: Gateway) -> Customer:
    """An account that is called so, with ten dollars."""
    return make_customer(gateway, name="acme")


def shown(busbar: Busbar) -> dict[str, Any]:
    """Return what is shown of the account."""
    ended = busbar("accounts", "show", "acme")
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout))


def test_all_that_was_credited_is_shown(acme: Customer, gateway: Gateway, busbar: Busbar) -> None:
    """Spent is what jobs cost; what was taken back, and what expired, stand apart."""
    settle_one(gateway, start_one(gateway, make_job(gateway, acme)), answer())
    adjust(gateway, acme.account_id, -parse_dollars("3"), actor="ann", why="a mistake")
    ended = make_lot(gateway, acme, parse_dollars("2"))
    change(gateway, "UPDATE lots SET expires_at = now() WHERE id = :id", id=ended)
    account = shown(busbar)
    sums = {name: account[name] for name in ("available", "held", "spent", "adjusted", "expired")}
    assert sums == {
        "available": "6.999955",
        "held": "0.00",
        "spent": "0.000045",
        "adjusted": "3.00",
        "expired": "2.00",
    }
    lots = [(lot["used"], lot["remaining"], lot["expired"]) for lot in account["lots"]]
    assert lots == [("3.000045", "6.999955", "0.00"), ("0.00", "0.00", "2.00")]


def test_the_last_purchase_is_shown(acme: Customer, gateway: Gateway, busbar: Busbar) -> None:
    """How it ended and why, what was bought this month, and how long the next one has to wait."""
    rules = ("--threshold", "5", "--amount", "20", "--monthly-cap", "200")
    assert busbar("replenish", "acme", *rules).returncode == 0
    change(
        gateway,
        "INSERT INTO replenishments (id, account_id, amount_nanos, state, reason, finished_at)"
        " VALUES ('r_1', :id, 20, 'failed', 'charge_declined', now())",
        id=acme.account_id,
    )
    change(gateway, "UPDATE replenish_policies SET not_before = now() + interval '1 hour'")
    replenishment = shown(busbar)["replenishment"]
    assert replenishment["last"] == "failed charge_declined"
    assert replenishment["bought_this_month"] == "0.00"
    assert 3_500 < replenishment["cooldown_s"] <= 3_600


def test_a_hold_mode_is_chosen_and_shown(acme: Customer, gateway: Gateway, busbar: Busbar) -> None:
    """It holds from then on, and is in the audit; another word is refused."""
    assert shown(busbar)["hold_mode"] == "bound"
    for mode in ("calibrated", "bound"):
        assert json.loads(busbar("accounts", "hold-mode", "acme", mode).stdout) == {
            "id": acme.account_id,
            "name": "acme",
            "hold_mode": mode,
        }
        assert shown(busbar)["hold_mode"] == mode
    done = look(gateway, "SELECT details FROM audit WHERE action = 'accounts hold-mode'")
    assert sorted(row.details["hold_mode"] for row in done) == ["bound", "calibrated"]
    assert busbar("accounts", "hold-mode", "acme", "loose").returncode == 2
