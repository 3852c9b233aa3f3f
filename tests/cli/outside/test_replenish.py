"""`busbar replenish` as operators call it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from app.cli.standing.ready import READY_FILE, Ready
from app.gateway import Gateway
from app.settings import Settings
from tests.factories import Customer, make_customer
from tests.services.book import change, look

RULES: Final = ("--threshold", "5", "--amount", "20", "--monthly-cap", "200")

Busbar = Callable[..., Any]


@pytest.fixture
def acme(gateway: Gateway) -> Customer:
    """An account that is called so, with nothing."""
    return make_customer(gateway, "0", name="acme")


def test_rules_are_set_shown_and_taken_away(
    acme: Customer, gateway: Gateway, busbar: Busbar
) -> None:
    """Each step shows how it stands, and is in the audit; the account shows it too."""
    shown = json.loads(busbar("replenish", "acme", *RULES).stdout)
    assert shown == {
        "account": acme.account_id,
        "state": "on",
        "threshold": "5.00",
        "amount": "20.00",
        "monthly_cap": "200.00",
        "bought_this_month": "0.00",
        "last": None,
        "cooldown_s": 0,
    }
    assert json.loads(busbar("replenish", "acme").stdout) == shown
    assert json.loads(busbar("accounts", "show", "acme").stdout)["replenishment"]
    assert json.loads(busbar("replenish", "acme", "--off").stdout)["state"] == "off"
    audit = "SELECT action FROM audit WHERE action LIKE 'replenish%' ORDER BY id"
    assert [row.action for row in look(gateway, audit)] == ["replenish", "replenish off"]


def test_a_lock_is_shown_and_taken_away(acme: Customer, gateway: Gateway, busbar: Busbar) -> None:
    """An operator sees since when nothing is bought, and lets it go on."""
    busbar("replenish", "acme", *RULES)
    change(gateway, "UPDATE replenish_policies SET failures = 3, locked_at = now()")
    assert json.loads(busbar("replenish", "acme").stdout)["state"].startswith("locked since 2")
    assert json.loads(busbar("replenish", "acme", *RULES).stdout)["state"].startswith("locked")
    assert json.loads(busbar("replenish", "acme", "--unlock").stdout)["state"] == "on"


def test_it_is_said_where_nobody_would_buy(acme: Customer, busbar: Busbar) -> None:
    """Without a funding source here a warning is on stderr; with one there is none."""
    assert "BUSBAR_FUNDING_URL" in busbar("replenish", "acme", *RULES).stderr
    named = {"BUSBAR_FUNDING_URL": "http://127.0.0.1:9", "BUSBAR_FUNDING_SECRET": "s"}
    assert busbar("replenish", "acme", *RULES, **named).stderr == ""


@pytest.mark.parametrize(
    ("has_source", "is_its_data"), [(True, True), (False, True), (True, False)]
)
def test_the_source_of_a_busbar_up_counts(
    acme: Customer,
    settings: Settings,
    busbar: Busbar,
    tmp_path: Path,
    *,
    has_source: bool,
    is_its_data: bool,
) -> None:
    """Where `busbar up` has one for the same data nothing is missing in the next terminal."""
    Ready(
        base_url="http://127.0.0.1:1",
        key="bb",
        account="demo",
        funding_url="http://127.0.0.1:9" if has_source else None,
        database_url=settings.database_url if is_its_data else "postgresql+psycopg://other",
        redis_url=settings.redis_url,
    ).write(tmp_path / READY_FILE)
    ended = busbar("replenish", "acme", *RULES, BUSBAR_STATE_DIR=str(tmp_path))
    assert ("BUSBAR_FUNDING_URL" not in ended.stderr) == (has_source and is_its_data)


@pytest.mark.parametrize(
    ("flags", "code", "told"),
    [
        (("--threshold", "5", "--amount", "20"), 2, "needs --monthly-cap too"),
        (("--amount", "20", "--monthly-cap", "200"), 2, "needs --threshold too"),
        (
            ("--threshold", "-5", "--amount", "20", "--monthly-cap", "200"),
            2,
            "--threshold is not negative, as -5 is",
        ),
        (("--threshold", "5", "--amount", "0", "--monthly-cap", "200"), 2, "more than nothing"),
        (("--threshold", "5", "--amount", "20", "--monthly-cap", "10"), 2, "does not allow"),
        (
            ("--threshold", "5", "--amount", "2e1", "--monthly-cap", "200"),
            2,
            "--amount: '2e1' is not",
        ),
        ((*RULES, "--off"), 2, "do not go together"),
        (("--off",), 1, "has no replenishment"),
        (("--unlock",), 1, "has no replenishment"),
    ],
)
def test_rules_that_cannot_be_are_refused(
    acme: Customer, gateway: Gateway, busbar: Busbar, flags: tuple[str, ...], code: int, told: str
) -> None:
    """One line says what is wrong, and nothing is changed."""
    ended = busbar("replenish", "acme", *flags)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert told in ended.stderr
    assert (
        look(gateway, "SELECT 1 FROM replenish_policies WHERE account_id = :id", id=acme.account_id)
        == []
    )


def test_a_source_needs_a_secret(acme: Customer, busbar: Busbar) -> None:
    """The setting that is missing is named."""
    ended = busbar("replenish", "acme", BUSBAR_FUNDING_URL="http://127.0.0.1:9")
    assert ended.returncode != 0
    assert "BUSBAR_FUNDING_SECRET" in ended.stderr
