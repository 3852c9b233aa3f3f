"""The commands that move money, as operators call them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest

from app.domain.money import format_dollars
from app.gateway import Gateway
from app.settings import Settings
from tests.factories import Customer, answer, make_customer, make_job, settle_one, start_one
from tests.services.book import HOLD_NANOS, change, lapse

BOUND_S: Final = 60
Busbar = Callable[..., Any]


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """An environment that names this test's own servers."""
    others = {name: text for name, text in os.environ.items() if not name.startswith("BUSBAR_")}
    return others | {
        "BUSBAR_DATABASE_URL": settings.database_url,
        "BUSBAR_REDIS_URL": settings.redis_url,
    }


@pytest.fixture
def busbar(environment: dict[str, str]) -> Busbar:
    """Call the command and return how it ended."""

    def call(*arguments: str) -> Any:
        command = [sys.executable, "-P", "-m", "app.cli", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=BOUND_S, check=False
        )

    return call


@pytest.fixture
def told(busbar: Busbar) -> Callable[..., list[dict[str, Any]]]:
    """Call the command, which must go well, and return the things it showed."""

    def call(*arguments: str) -> list[dict[str, Any]]:
        ended = busbar(*arguments)
        assert ended.returncode == 0, ended.stderr
        return [json.loads(line) for line in ended.stdout.splitlines()]

    return call


@pytest.fixture
def acme(gateway: Gateway) -> Customer:
    """An account that is called so, with ten dollars."""
    return make_customer(gateway, name="acme")


def test_an_account_is_followed_from_outside(
    acme: Customer, gateway: Gateway, told: Callable[..., list[dict[str, Any]]]
) -> None:
    """Deposit, grant, refund and adjustment end in a balance and in the audit."""
    job_id = make_job(gateway, acme)
    settle_one(gateway, start_one(gateway, job_id), answer())
    unit = ("--instrument", "text-prime", "--tokens", "1000000", "--expires", "4h")
    (lot,) = told("deposit", "acme", "2.50", *unit, "--reference", "inv-1")
    assert (lot["tokens"], lot["new"], bool(lot["expires_at"])) == (1_000_000, True, True)
    assert told("deposit", "acme", "2.50", *unit, "--reference", "inv-1")[0]["new"] is False
    told("grant", "acme", "1", "--why", "trial")
    (refund,) = told("refund", "acme", "--job", job_id, "--amount", "0.00002")
    assert (refund["amount"], refund["left_to_refund"]) == ("0.00002", "0.000025")
    told("adjust", "acme", "-3", "--why", "a mistake")
    told("caps", "acme", "--day", "10", "--month", "100")
    (shown,) = told("accounts", "show", "acme")
    assert shown["available"] == "10.499975"
    assert {each["source"] for each in shown["lots"]} == {"deposit", "grant", "refund"}
    assert [each["limit"] for each in shown["caps"]] == ["10.00", "100.00"]
    assert shown["replenishment"] is None
    actions = [each["action"] for each in told("audit", "acme")]
    assert actions == ["caps", "adjustment", "refund", "grant", "deposit"]
    assert "@" in told("audit", "--limit", "1")[0]["actor"]


def test_what_is_repeated_is_done_once(
    acme: Customer,
    gateway: Gateway,
    busbar: Busbar,
    told: Callable[..., list[dict[str, Any]]],
) -> None:
    """Under its reference each command changes the balance once, and says when it was before."""
    job_id = make_job(gateway, acme)
    settle_one(gateway, start_one(gateway, job_id), answer())
    for command in (
        ["adjust", "acme", "-1", "--why", "x", "--reference", "a"],
        ["refund", "acme", "--job", job_id, "--reference", "b"],
        ["deposit", "acme", "2", "--expires", "4h", "--reference", "c"],
    ):
        assert [told(*command)[0]["new"] for _ in range(2)] == [True, False]
    again = busbar("deposit", "acme", "2", "--expires", "never", "--reference", "c")
    assert "was credited before and expires 20" in again.stderr
    (shown,) = told("accounts", "show", "acme")
    assert shown["available"] == "11.00"


def test_a_job_has_no_more_to_give_back(acme: Customer, gateway: Gateway, busbar: Busbar) -> None:
    """The command was right: it failed, and was not used wrongly."""
    refused = busbar("refund", "acme", "--job", make_job(gateway, acme))
    assert (refused.returncode, "cost nothing" in refused.stderr) == (1, True)


def test_a_wrong_lot_is_taken_back(
    acme: Customer, told: Callable[..., list[dict[str, Any]]]
) -> None:
    """Tokens of the wrong instrument leave by their lot's name."""
    (lot,) = told("deposit", "acme", "2", "--instrument", "text-prime", "--tokens", "9")
    (done,) = told("adjust", "acme", "--lot", lot["id"], "--why", "the wrong instrument")
    assert (done["amount"], done["lots"]) == ("-2.00", lot["id"])


def test_a_hold_is_found_and_released(
    acme: Customer,
    gateway: Gateway,
    busbar: Busbar,
    told: Callable[..., list[dict[str, Any]]],
) -> None:
    """It is shown once it is old, and given back unless a worker carries its job."""
    job_id = make_job(gateway, acme)
    start_one(gateway, job_id)
    assert told("holds") == []
    change(gateway, "UPDATE holds SET created_at = created_at - interval '2 h'")
    (seen,) = told("holds", "acme", "--older-than", "90m")
    assert (seen["account"], seen["job"], seen["state"]) == ("acme", job_id, "running")
    carried = busbar("holds", "--release", job_id)
    assert (carried.returncode, "whose lease lasts until" in carried.stderr) == (1, True)
    lapse(gateway, job_id)
    (done,) = told("holds", "--release", job_id)
    assert done == {"account": "acme", "job": job_id, "released": format_dollars(HOLD_NANOS)}
    assert told("audit", "--limit", "1")[0]["action"] == "holds release"


def test_caps_come_and_go(acme: Customer, told: Callable[..., list[dict[str, Any]]]) -> None:
    """Each run shows those in force; --off takes both away, `off` one."""
    key = ("--key", acme.caller.key_id)
    assert [each["scope"] for each in told("caps", "acme", *key, "--day", "0")] == ["key"]
    assert len(told("caps", "acme", "--day", "10", "--month", "100")) == 3
    assert len(told("caps", "acme", "--day", "off")) == 2
    assert len(told("caps", "acme", "--off")) == 1
    assert told("caps", "acme", *key, "--off") == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["grant", "acme", "-5"], "a grant is more than nothing, not -5; `busbar grant ACCOUNT"),
        (["grant", "acme", "0.0000000001"], "'0.0000000001' is not an amount in dollars"),
        (["deposit", "acme", "9999999999"], "'9999999999' is more than 9000000000 dollars"),
        (["deposit", "acme", "99999999999"], "'99999999999' is more than 9000000000 dollars"),
        (["deposit", "acme", "1e3"], "'1e3' is not an amount"),
        (["deposit", "acme", "1", "--expires", "soon"], "--expires: 'soon' is no period like 4h"),
        (["deposit", "acme", "1", "--expires", "2020-01-01"], "2020-01-01 00:00 UTC is over."),
        (["deposit", "acme", "1", "--tokens", "5"], "A lot of tokens needs the instrument"),
        (
            ["deposit", "acme", "1", "--instrument", "x"],
            "The catalog has no instrument 'x'; it has",
        ),
        (["deposit", "nobody", "1"], "No account 'nobody'"),
        (["adjust", "acme", "0", "--why", "x"], "0 changes nothing; send an amount like 12.50"),
        (["adjust", "acme", "-11", "--why", "x"], "Only 10.00 dollars can be taken"),
        (["adjust", "acme", "-x", "--why", "x"], "there is no option -x; `busbar adjust --help`"),
        (
            ["adjust", "acme", "-0.0000000001", "--why", "x"],
            "'0.0000000001' is not an amount in dollars like 12.50 (at most nine decimals)",
        ),
        (["adjust", "acme", "--why", "x"], "send an amount like 12.50 or -12.50, or --lot ID"),
        (["adjust", "acme", "1", "--lot", "x", "--why", "x"], "not both: send an amount like"),
        (["adjust", "acme", "--lot", "x", "--why", "x"], "The account has no lot 'x'."),
        (["deposit", "acme", "1", "--reference", "rpl_1"], "A reference that begins with 'rpl_'"),
        (["adjust", "acme", "5", "--why", ""], "A reason has 1 to 200 characters"),
        (["refund", "acme", "--job", "job_none"], "The account has no job 'job_none'."),
        (["refund", "acme", "--job", "x", "--amount", "-1"], "a refund is more than nothing, not"),
        (["holds", "--older-than", "soon"], "--older-than: 'soon' is no period like 10m, 4h"),
        (["holds", "--release", "job_none"], "No job 'job_none' has an open hold."),
        (["holds", "acme", "--release", "x"], "--release names its job alone"),
        (["caps", "acme", "--day", "-1"], "--day: '-1' is not an amount in dollars like 12.50"),
        (["caps", "acme", "--off", "--day", "1"], "--off takes both caps away"),
        (["caps", "acme", "--key", "key_none", "--day", "1"], "The account has no key 'key_none'."),
        (["caps", "acme", "--key", "key_none"], "nothing to change; name --day, --month or --off"),
    ],
)
def test_what_cannot_be_is_one_line(
    acme: Customer, busbar: Busbar, arguments: list[str], says: str
) -> None:
    """It says what is wrong, on stderr, without a traceback; stdout stays empty."""
    ended = busbar(*arguments)
    assert ended.returncode in (1, 2, 6)
    assert ended.stderr.startswith(f"busbar: {says}")
    assert (ended.stderr.count("\n"), ended.stdout) == (1, "")


def test_the_doctor_watches_until_it_is_told_to_stop(
    gateway: Gateway, environment: dict[str, str]
) -> None:
    """A line per check; Ctrl-C ends it with what the last check found."""
    command = [sys.executable, "-P", "-m", "app.cli", "doctor", "--watch", "--every", "1"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watching:
        try:
            assert watching.stderr is not None
            lines = [watching.stderr.readline() for _ in range(2)]
            watching.send_signal(signal.SIGINT)
            assert watching.wait(BOUND_S) == 0
        finally:
            watching.kill()
    assert all(" clean (" in line for line in lines)
