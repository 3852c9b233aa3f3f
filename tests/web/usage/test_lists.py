"""The list of receipts: newest first, a page at a time, and only what was asked for."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.errors import InvalidRequest
from tests.factories import Customer
from tests.web.api import Api, assert_refused

USAGE = "/v1/usage"


def ids(api: Api, query: str = "") -> list[str]:
    """Return the job of each receipt of a page."""
    answered = api.get(USAGE, query)
    assert answered.status_code == 200, answered.text
    return [each["job_id"] for each in answered.json["data"]]


def test_the_newest_comes_first(api: Api) -> None:
    """Receipts come in the opposite order of their jobs' submission, without their parts."""
    jobs = [api.later(str(number)) for number in range(3)]
    assert ids(api) == jobs[::-1]
    page = api.get(USAGE).json
    assert (page["object"], page["has_more"]) == ("list", False)
    assert page["first_id"] == jobs[2].replace("job_", "req_")
    assert not {"attempts", "breakdown"} & {*page["data"][0], *page["data"][0]["cost"]}


def test_pages_follow_each_other(api: Api) -> None:
    """`after` takes what a page ended with, under either name; nothing is left out or twice."""
    jobs = [api.later(str(number)) for number in range(5)]
    found, query = list[str](), "limit=2"
    for _ in range(3):
        page = api.get(USAGE, query).json
        found += [each["job_id"] for each in page["data"]]
        query = f"limit=2&after={page['last_id']}"
    assert found == jobs[::-1]
    assert page["has_more"] is False
    assert ids(api, f"after={jobs[1]}") == [jobs[0]]


def test_a_state_of_settling_is_asked_for(api: Api, carry: Callable[..., None]) -> None:
    """Each receipt is under exactly one of them."""
    cancelled = api.later("no")
    api.cancel(cancelled)
    carry(api)
    api.chat("yes")
    (done,) = ids(api, "status=reconciled")
    assert ids(api, "status=error") == [cancelled]
    assert ids(api, "status=pending") == []
    assert ids(api) == [done, cancelled]
    assert ids(api, "cost_status=cancelled") == ids(api, "cost_status=cancelled&status=error")
    assert ids(api, "cost_status=cancelled") == [cancelled]
    assert ids(api, "cost_status=reconciled&status=error") == []


def test_an_instrument_and_a_key_are_asked_for(api: Api) -> None:
    """In any letter case; what nobody used has no receipts."""
    job = api.later()
    assert ids(api, "model=TEXT-prime") == ids(api, f"key_id={_key(api.customer)}") == [job]
    assert ids(api, "model=text-max") == ids(api, "key_id=key_none") == []


def test_a_span_of_time_is_asked_for(api: Api) -> None:
    """A day counts as a whole at either end; a time is exact, whatever its zone."""
    job = api.later()
    now = datetime.now(UTC)
    today, soon = now.date(), now + timedelta(hours=1)
    assert ids(api, f"from={today}&to={today}") == [job]
    assert ids(api, f"from={today + timedelta(days=1)}") == []
    assert ids(api, f"to={today - timedelta(days=1)}") == []
    assert ids(api, f"from={soon:%Y-%m-%dT%H:%M:%SZ}") == []
    assert ids(api, f"to={soon + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}%2B02:00") == [job]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("status=done", "status"),
        ("cost_status=error", "cost_status"),
        ("bogus=zzz", "bogus"),
        ("api_key_id=key_1", "api_key_id"),
        ("from=yesterday", "from"),
        ("to=2026-11-23T10:00:00", "to"),
        ("to=0001-01-01", "to"),
        ("from=9999-12-31T23:59:59-12:00", "from"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("after=chatcmpl-1", "after"),
        ("model=%00", "model"),
        ("key_id=%00", "key_id"),
    ],
)
def test_what_cannot_be_asked_names_itself(api: Api, query: str, param: str) -> None:
    """A 400 in the chat envelope, with the parameter at fault."""
    answered = api.get(USAGE, query)
    assert_refused(answered, 400, InvalidRequest)
    assert answered.json["error"]["param"] == param
    assert answered.json["error"]["message"].startswith(f"{param}: ")


def _key(customer: Customer) -> str:
    return customer.caller.key_id
