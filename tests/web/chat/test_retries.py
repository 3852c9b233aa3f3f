"""A client's automatic retry, which every SDK counts in a header, joins the job it began."""

import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
from falcon.testing import TestClient

from app.domain.attempt import FailureKind
from app.domain.limits.limit import Limits
from app.services import accounts
from app.services.accounts import Caller
from app.web.urls import build
from tests.factories import Customer, chat_body, failure
from tests.services.book import job_row
from tests.web.api import ASYNC, CHAT, Api

RETRY = {"x-stainless-retry-count": "1"}


def test_a_retry_joins_the_job_it_began(api: Api, carry: Callable[..., None]) -> None:
    """The same call marked as a retry waits for the first one's job and starts none."""
    gave_up = api.chat(headers={"Prefer": "wait=0"})
    assert gave_up.status_code == 504
    carry(api)
    retried = api.chat(headers=RETRY)
    assert retried.status_code == 200
    assert retried.headers["x-busbar-job-id"] == gave_up.headers["x-busbar-job-id"]
    assert retried.headers["idempotent-replayed"] == "true"
    assert len(api.jobs()) == 1


def test_who_waits_in_vain_is_counted_out(api: Api) -> None:
    """A wait that ends without an answer leaves a job that a retry takes before any other."""
    given_up = api.chat(headers={"Prefer": "wait=0"}).headers["x-busbar-job-id"]
    assert job_row(api.gateway, given_up).listeners == 0
    other = api.later()
    assert api.chat(headers=ASYNC | RETRY).json["id"] == given_up
    assert api.chat(headers=ASYNC | RETRY).json["id"] == other


def test_a_retry_of_what_was_refused_is_a_call_of_its_own(api: Api) -> None:
    """A call that the limits refused has no job: its retry is not given an equal call's."""
    catalog = replace(api.gateway.catalog, key_limits=Limits(requests_per_minute=1))
    limited = TestClient(build(replace(api.gateway, catalog=catalog)))
    first = replace(api, client=limited)
    job_id = first.later()
    for headers in (ASYNC, ASYNC | RETRY):
        assert first.chat(headers=headers).status_code == 429
    assert api.chat(headers=ASYNC | RETRY).json["id"] != job_id


def test_a_retry_gets_the_answer_that_was_there(api: Api, carry: Callable[..., None]) -> None:
    """A retry whose answer was lost on the way gets it, and pays for it once."""
    carry(api)
    first = api.chat()
    spent = api.balance()["spent"]
    assert api.chat(headers=RETRY).content == first.content
    assert api.balance()["spent"] == spent


@pytest.mark.parametrize("count", ["2", "10"])
def test_a_later_retry_joins_too(api: Api, count: str) -> None:
    """The second and every further retry is a retry."""
    job_id = api.later()
    assert api.chat(headers=ASYNC | {"x-stainless-retry-count": count}).json["id"] == job_id


def test_a_first_try_joins_nothing(api: Api) -> None:
    """A count of zero marks a call of its own."""
    job_id = api.later()
    assert api.chat(headers=ASYNC | {"x-stainless-retry-count": "0"}).json["id"] != job_id


def test_a_retry_of_another_body_is_a_job_of_its_own(api: Api) -> None:
    """Only the very same bytes are the same call."""
    job_id = api.later("one")
    assert api.chat("two", headers=ASYNC | RETRY).json["id"] != job_id


def test_a_retry_of_nothing_is_a_job(api: Api) -> None:
    """A retry whose first try never arrived is accepted like a first one."""
    assert api.chat(headers=ASYNC | RETRY).status_code == 202
    assert len(api.jobs()) == 1


def test_a_retry_does_not_join_what_has_failed(api: Api, carry: Callable[..., None]) -> None:
    """A job that failed is no answer to wait for: the retry starts over."""
    outcomes = [failure(FailureKind.REJECTED, status_code=400)]
    carry(api, lambda _: outcomes[0])
    first = api.chat()
    assert first.status_code == 400
    retried = api.chat(headers=RETRY)
    assert retried.headers["x-busbar-job-id"] != first.headers["x-busbar-job-id"]


def test_a_retry_under_another_key_joins_nothing(api: Api) -> None:
    """Another API key, of the same account even, has begun nothing to join."""
    job_id = api.later()
    new = accounts.create_key(api.gateway, api.customer.account_id, "second")
    caller = Caller(account_id=api.customer.account_id, key_id=new.id)
    second = replace(api, customer=Customer(caller=caller, key=new.key))
    assert second.chat(headers=ASYNC | RETRY).json["id"] != job_id
    assert api.another().chat(headers=ASYNC | RETRY).json["id"] != job_id


def test_a_retry_with_its_own_idempotency_key_is_told_by_it(api: Api) -> None:
    """Where a client names its call by a key, the key says which call it is, not the body."""
    one, two = ({"Idempotency-Key": uuid.uuid4().hex} for _ in range(2))
    job_id = api.chat(headers=ASYNC | one).json["id"]
    retried = api.chat(headers=ASYNC | two | RETRY)
    assert retried.json["id"] != job_id
    assert api.chat(headers=ASYNC | two | RETRY).json["id"] == retried.json["id"]


def test_a_retry_cannot_get_round_its_idempotency_key(api: Api) -> None:
    """A retry whose key was used for another body is refused, whatever else it resembles."""
    key = {"Idempotency-Key": uuid.uuid4().hex}
    api.later("one")
    assert api.chat("two", headers=ASYNC | key).status_code == 202
    assert api.chat("one", headers=ASYNC | key | RETRY).status_code == 422


def test_a_job_of_the_native_api_is_not_joined(api: Api) -> None:
    """A prompt submitted as a job is another call than the same prompt as a completion."""
    answered = api.post("/v1/jobs", {"endpoint": CHAT, "body": chat_body()})
    assert api.chat(headers=ASYNC | RETRY).json["id"] != answered.json["id"]
