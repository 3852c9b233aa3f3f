"""GET /v1/diagnostics: the caller's path, checked."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from app.cli.standing.ports import listening_port
from app.gateway import Gateway
from app.services.keeping.lead import Leadership
from app.store.engine import transaction
from tests.factories import failure
from tests.web.api import Api, open_api
from tests.web.database import away

FIELDS = {"name", "status", "code", "detail", "next_action"}
NAMES = ["key", "instrument", "balance", "route", "queue", "workers"]


def diagnosed(api: Api, query: str = "") -> dict[str, Any]:
    """Return the diagnostics of a customer."""
    answered = api.get("/v1/diagnostics", query)
    assert answered.status_code == 200, answered.text
    return dict(answered.json)


def check(api: Api, name: str, query: str = "") -> dict[str, Any]:
    """Return one check."""
    (found,) = [each for each in diagnosed(api, query)["checks"] if each["name"] == name]
    return dict(found)


@pytest.fixture
def alone(gateway: Gateway) -> Api:
    """A customer on a database of this test's own, where no worker is."""
    return open_api(gateway)


@pytest.fixture
def led(alone: Api) -> Iterator[Api]:
    """The same customer while a worker leads."""
    leadership = Leadership(alone.gateway)
    assert leadership.held()
    yield alone
    leadership.give_up()


def test_a_good_path_is_ok(led: Api) -> None:
    """Each step is told, and none has anything to do."""
    report = diagnosed(led, "model=Text-Prime")
    assert (report["object"], report["status"]) == ("diagnostics", "ok")
    assert [each["name"] for each in report["checks"]] == NAMES
    assert {each["status"] for each in report["checks"]} == {"ok"}
    assert {each["next_action"] for each in report["checks"]} == {None}


def test_every_check_has_every_field(api: Api) -> None:
    """Whatever was found, a check has its five fields, and one that is not ok says what to do."""
    for each in diagnosed(api.another("0"), "model=nobody")["checks"]:
        assert set(each) == FIELDS
        assert each["code"]
        assert each["detail"]
        assert bool(each["next_action"]) is (each["status"] != "ok")


def test_the_key_is_named_and_not_shown(api: Api) -> None:
    """Which key of which account: its id, never the key."""
    found = check(api, "key")
    assert api.customer.caller.key_id in found["detail"]
    assert api.customer.account_id in found["detail"]
    assert api.customer.key not in str(diagnosed(api))


def test_an_unknown_instrument_fails(api: Api) -> None:
    """The check says where the names stand."""
    found = check(api, "instrument", "model=nobody")
    assert (found["status"], found["code"]) == ("fail", "model_not_found")
    assert "/v1/models" in found["next_action"]


def test_an_instrument_tells_its_prices(api: Api) -> None:
    """What a call would cost is told with the instrument."""
    assert "$0.50" in check(api, "instrument", "model=text-prime")["detail"]


def test_an_empty_balance_fails(poor: Api) -> None:
    """Who has nothing is told to deposit."""
    found = check(poor, "balance")
    assert (found["status"], found["code"]) == ("fail", "insufficient_balance")
    assert "eposit" in found["next_action"]


def test_a_low_balance_warns(api: Api) -> None:
    """Enough for a cheap instrument may be too little for a dear one."""
    cents = api.another("0.02")
    assert check(cents, "balance", "model=text-standard")["status"] == "ok"
    found = check(cents, "balance", "model=agent-max")
    assert (found["status"], found["code"]) == ("warn", "balance_low")


def test_no_worker_is_noticed(alone: Api) -> None:
    """Where nobody works the whole fails, and says what to start."""
    found = check(alone, "workers")
    assert (found["status"], found["code"]) == ("fail", "no_worker")
    assert "busbar worker" in found["next_action"]
    assert diagnosed(alone)["status"] == "fail"


def test_a_worker_that_leads_is_seen(led: Api) -> None:
    """A worker that lives holds the lead, which the database knows."""
    assert check(led, "workers")["status"] == "ok"


def test_providers_that_fail_are_noticed(api: Api, carry: Callable[..., None]) -> None:
    """When half of the last jobs found no provider, the route warns."""
    impatient = api.with_settings(attempts_max=1)
    carry(impatient, lambda _: failure())
    assert check(impatient, "route")["status"] == "ok"
    impatient.chat()
    found = check(impatient, "route")
    assert (found["status"], found["code"]) == ("warn", "providers_failing")
    assert check(impatient, "route", "model=text-max")["status"] == "ok"


def test_a_queue_that_stands_still_is_noticed(alone: Api) -> None:
    """A job that nobody takes for long makes the queue slow."""
    alone.later()
    assert check(alone, "queue")["status"] == "ok"
    with transaction(alone.gateway.engine) as conn:
        conn.execute(text("UPDATE jobs SET run_at = now() - interval '1 minute'"))
    found = check(alone, "queue")
    assert (found["status"], found["code"]) == ("warn", "queue_slow")


def test_a_missing_redis_warns(open_another: Callable[..., Gateway]) -> None:
    """Without the bus jobs are slower and not lost."""
    port = listening_port("127.0.0.1", 0, patience_s=0)
    api = open_api(open_another(redis_url=f"redis://127.0.0.1:{port}/0"))
    found = check(api, "queue")
    assert (found["status"], found["code"]) == ("warn", "redis_unreachable")


def test_a_missing_database_is_told(alone: Api) -> None:
    """Whose key is remembered hears what is wrong instead of a 503."""
    diagnosed(alone)
    with away(alone.gateway.settings):
        report = diagnosed(alone)
    assert report["status"] == "fail"
    assert report["checks"][-1]["code"] == "database_unavailable"
