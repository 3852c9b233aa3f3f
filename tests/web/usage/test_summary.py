"""Sums of usage over days."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.domain.errors import InvalidRequest
from app.services import accounts
from app.services.accounts import Caller
from tests.factories import Customer
from tests.web.api import Api, assert_refused

SUMMARY = "/v1/usage/summary"


def summary(api: Api, query: str = "") -> dict[str, Any]:
    """Return a summary."""
    answered = api.get(SUMMARY, query)
    assert answered.status_code == 200, answered.text
    return dict(answered.json)


def today() -> date:
    """Return the day in UTC."""
    return datetime.now(UTC).date()


def test_a_day_is_summed_up(api: Api, carry: Callable[..., None]) -> None:
    """Every job counts, the succeeded ones beside; tokens and cost are those of the answers."""
    api.cancel(api.later())
    carry(api)
    for number in range(2):
        api.chat(str(number))
    (bucket,) = summary(api)["data"]
    assert bucket == {
        "day": str(today()),
        "jobs": 3,
        "succeeded": 2,
        "input_tokens": 20,
        "output_tokens": 40,
        "cached_tokens": 0,
        "total_tokens": 60,
        "cost": "0.00009",
    }
    assert summary(api)["totals"] == {name: bucket[name] for name in bucket if name != "day"}
    assert api.balance()["spent"] == "0.00009"


def test_instruments_and_keys_have_buckets(api: Api, carry: Callable[..., None]) -> None:
    """Each is named by what it is; the dearest comes first."""
    key = accounts.create_key(api.gateway, api.customer.account_id, "other")
    caller = Caller(account_id=api.customer.account_id, key_id=key.id)
    other = api.with_settings()
    object.__setattr__(other, "customer", Customer(caller=caller, key=key.key))
    carry(api)
    api.chat(model="text-max", max_tokens=10)
    other.chat("a")
    other.chat("b")
    models = {each["model"]: each["jobs"] for each in summary(api, "group_by=model")["data"]}
    assert models == {"text-max": 1, "text-prime": 2}
    keys = {each["key_id"]: each["jobs"] for each in summary(api, "group_by=key")["data"]}
    assert keys == {api.customer.caller.key_id: 1, key.id: 2}
    costs = [each["cost"] for each in summary(api, "group_by=model")["data"]]
    assert costs == sorted(costs, reverse=True)


def test_nobody_sees_sums_of_others(api: Api, shared: Api, carry: Callable[..., None]) -> None:
    """Another account has no buckets, and totals of nothing."""
    carry(api)
    api.chat()
    told = summary(shared.another())
    assert (told["data"], told["totals"]["jobs"], told["totals"]["cost"]) == ([], 0, "0.00")


def test_thirty_days_are_the_default(api: Api) -> None:
    """They end today, or where one end puts them."""
    told = summary(api)
    assert (told["from"], told["to"]) == (str(today() - timedelta(days=29)), str(today()))
    assert summary(api, "to=2026-03-31")["from"] == "2026-03-02"
    assert summary(api, "from=2026-03-02")["to"] == "2026-03-31"
    assert summary(api, f"from={today()}")["to"] == str(today())


@pytest.mark.parametrize(
    ("query", "param", "says"),
    [
        ("from=2026-01-01&to=2026-02-01", "from", "32 days are too many at once"),
        ("from=2026-01-02&to=2026-01-01", "from", "is after 2026-01-01"),
        ("from=2026-11-20&to=2026-11-18", "from", "is after 2026-11-18"),
        ("from=2026-13-01", "from", "must be a day in UTC"),
        ("to=2026-01-01T00:00:00Z", "to", "counts whole days"),
        ("group_by=hour", "group_by", "must be one of day, model, key"),
        ("group=day", "group", "is no parameter; there are from, group_by, to"),
    ],
)
def test_what_cannot_be_summed_names_itself(api: Api, query: str, param: str, says: str) -> None:
    """A 400 in the chat envelope, with the parameter at fault and a sentence."""
    answered = api.get(SUMMARY, query)
    assert_refused(answered, 400, InvalidRequest)
    assert answered.json["error"]["param"] == param
    assert says in answered.json["error"]["message"]
