"""Idempotency-Key on every POST: the same answer for the same request, and a 422 for another."""

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from falcon.testing import Result

from app.domain.errors import IdempotencyMismatch, InvalidRequest
from app.services import accounts
from app.services.accounts import Caller
from tests.factories import Customer, chat_body

from .api import ASYNC, CHAT, JOBS, Api, assert_refused, entry

AT_ONCE_S = 1.0
"""Half of what a waiter lets pass before it looks by itself."""

MANY = {"jobs": [entry("one"), entry("two")]}


@pytest.fixture
def key() -> dict[str, str]:
    """The header with a key nobody has used."""
    return {"Idempotency-Key": uuid.uuid4().hex}


def is_replayed(answered: Result) -> bool:
    """True when an answer says that its request was seen before."""
    return answered.headers.get("idempotent-replayed") == "true"


def assert_mismatch(answered: Result) -> None:
    """Check that an answer refuses a key that was used for something else."""
    assert_refused(answered, 422, IdempotencyMismatch)
    assert not is_replayed(answered)


def test_a_waiting_caller_gets_the_same_answer(
    api: Api, carry: Callable[..., None], key: dict[str, str]
) -> None:
    """The second of two equal calls gets the first one's completion, and no second job is made."""
    carry(api)
    first, second = api.chat(headers=key), api.chat(headers=key)
    assert (second.status_code, second.content) == (200, first.content)
    assert second.headers["x-busbar-job-id"] == first.headers["x-busbar-job-id"]
    assert (is_replayed(first), is_replayed(second)) == (False, True)
    assert len(api.jobs()) == 1


def test_an_answer_that_is_there_is_given_at_once(
    api: Api, carry: Callable[..., None], key: dict[str, str]
) -> None:
    """Who asks again for what is final does not wait for a wake-up that has been."""
    carry(api)
    first = api.chat(headers=key)
    began = time.monotonic()
    assert api.chat(headers=key).content == first.content
    assert time.monotonic() - began < AT_ONCE_S


def test_a_refusal_leaves_the_key_free(
    poor: Api, carry: Callable[..., None], key: dict[str, str]
) -> None:
    """A job refused for want of money never began: after a deposit the same key may begin it."""
    carry(poor)
    first, second = poor.chat(headers=key), poor.chat(headers=key)
    assert (first.status_code, second.status_code) == (402, 402)
    assert not is_replayed(second)
    assert len(poor.jobs()) == 2


def test_a_second_caller_joins_the_first(
    api: Api, carry: Callable[..., None], key: dict[str, str]
) -> None:
    """A call whose key is in flight waits for the job that is under way."""
    job_id = api.chat(headers=key | ASYNC).json["id"]
    carry(api)
    joined = api.chat(headers=key)
    assert (joined.status_code, is_replayed(joined)) == (200, True)
    assert joined.headers["x-busbar-job-id"] == job_id


def test_an_asynchronous_caller_gets_the_same_job(api: Api, key: dict[str, str]) -> None:
    """A 202 repeated is the same 202."""
    first, second = api.chat(headers=key | ASYNC), api.chat(headers=key | ASYNC)
    assert (second.status_code, second.json) == (202, first.json)
    assert second.headers["location"] == first.headers["location"]
    assert (is_replayed(first), is_replayed(second)) == (False, True)
    assert len(api.jobs()) == 1


@pytest.mark.parametrize("body", [entry(), MANY, {"jobs": [entry()]}], ids=["one", "two", "list"])
def test_jobs_are_made_once(api: Api, key: dict[str, str], body: dict[str, Any]) -> None:
    """Jobs submitted twice under one key are the same jobs in the same order."""
    first, second = api.post(JOBS, body, headers=key), api.post(JOBS, body, headers=key)
    assert (second.status_code, second.json) == (202, first.json)
    assert (is_replayed(first), is_replayed(second)) == (False, True)
    assert len(api.jobs()) == len(body.get("jobs", [1]))


def test_a_cancelling_call_can_be_repeated(api: Api, key: dict[str, str]) -> None:
    """A cancel under a key is answered as before when it comes again."""
    job_id = api.later()
    first, second = api.cancel(job_id, key), api.cancel(job_id, key)
    assert (second.status_code, second.json) == (200, first.json)


def test_a_key_cancels_one_job_only(api: Api, key: dict[str, str]) -> None:
    """The key of one cancel with another job is another request: 422, and that job goes on."""
    one, two = api.later("one"), api.later("two")
    api.cancel(one, key)
    assert_mismatch(api.cancel(two, key))
    assert api.job(two)["status"] == "queued"


def test_a_key_of_a_submission_does_not_cancel(api: Api, key: dict[str, str]) -> None:
    """A key that was used to submit is not one to cancel with."""
    job_id = api.post(JOBS, entry(), headers=key).json["id"]
    assert_mismatch(api.cancel(job_id, key))
    assert api.job(job_id)["status"] == "queued"


def test_a_cancelling_call_checks_its_key(api: Api) -> None:
    """A key that cannot be kept is refused here as on every POST."""
    job_id = api.later()
    assert_refused(api.cancel(job_id, {"Idempotency-Key": "k" * 256}), 400, InvalidRequest)
    assert api.job(job_id)["status"] == "queued"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((CHAT, chat_body("one")), (CHAT, chat_body("two"))),
        ((JOBS, entry("one")), (JOBS, entry("two"))),
        ((JOBS, MANY), (JOBS, {"jobs": MANY["jobs"][::-1]})),
        ((JOBS, MANY), (JOBS, {"jobs": MANY["jobs"][:1]})),
        ((JOBS, entry()), (JOBS, {"jobs": [entry()]})),
        ((CHAT, chat_body()), (JOBS, entry())),
    ],
    ids=["chat", "one", "order", "fewer", "one and list", "other path"],
)
def test_another_body_under_the_key_is_a_422(
    api: Api, key: dict[str, str], first: tuple[str, Any], second: tuple[str, Any]
) -> None:
    """A key stands for one request: another one under it is refused, and writes nothing."""
    assert api.post(first[0], first[1], headers=key | ASYNC).status_code == 202
    before = api.jobs()
    assert_mismatch(api.post(second[0], second[1], headers=key | ASYNC))
    assert api.jobs() == before


def test_a_refused_request_does_not_use_its_key_up(api: Api, key: dict[str, str]) -> None:
    """A request that could not be taken leaves its key free for the corrected one."""
    assert api.chat(temperature=9, headers=key | ASYNC).status_code == 422
    assert api.chat(temperature=1, headers=key | ASYNC).status_code == 202


def test_a_key_belongs_to_its_api_key(api: Api, key: dict[str, str]) -> None:
    """Two accounts may use the same Idempotency-Key for different things."""
    other = api.another()
    assert api.chat("one", headers=key | ASYNC).status_code == 202
    assert other.chat("two", headers=key | ASYNC).status_code == 202
    assert (len(api.jobs()), len(other.jobs())) == (1, 1)


def test_a_key_belongs_to_one_api_key_of_an_account(api: Api, key: dict[str, str]) -> None:
    """Two API keys of one account do not share their Idempotency-Keys."""
    new = accounts.create_key(api.gateway, api.customer.account_id, "second")
    caller = Caller(account_id=api.customer.account_id, key_id=new.id)
    second = replace(api, customer=Customer(caller=caller, key=new.key))
    assert api.chat(headers=key | ASYNC).status_code == 202
    answered = second.chat(headers=key | ASYNC)
    assert (answered.status_code, is_replayed(answered)) == (202, False)


def test_without_a_key_the_same_request_is_two_jobs(api: Api) -> None:
    """Saying the same thing twice is asking twice."""
    assert api.later() != api.later()


@pytest.mark.parametrize("text", ["k", "k" * 255, 'a key: with, "signs" ~!'], ids=len)
def test_a_printable_key_is_taken(api: Api, text: str) -> None:
    """Up to 255 printable ASCII characters are a key."""
    first = api.chat(headers=ASYNC | {"Idempotency-Key": text})
    assert (first.status_code, is_replayed(first)) == (202, False)
    assert is_replayed(api.chat(headers=ASYNC | {"Idempotency-Key": text}))


@pytest.mark.parametrize("path", [CHAT, JOBS])
@pytest.mark.parametrize("text", ["", "k" * 256, "k" * 50_000, "clé", "a\x00b", "a\tb"], ids=len)
def test_another_key_is_a_400(api: Api, path: str, text: str) -> None:
    """A key that is empty, too long or not printable ASCII is refused, and nothing is written."""
    body = chat_body() if path == CHAT else entry()
    answered = api.post(path, body, headers=ASYNC | {"Idempotency-Key": text})
    assert_refused(answered, 400, InvalidRequest)
    assert answered.json["error"]["param"] == "Idempotency-Key"
    assert api.jobs() == []


def test_of_many_at_once_one_is_written(api: Api, key: dict[str, str]) -> None:
    """Twenty equal calls that race under one key make one job, which all of them get."""
    answered = at_once(lambda _: api.chat(headers=key | ASYNC))
    assert {each.status_code for each in answered} == {202}
    assert len({each.json["id"] for each in answered}) == 1
    assert sum(not is_replayed(each) for each in answered) == 1
    assert len(api.jobs()) == 1


def test_of_many_different_at_once_one_is_taken(api: Api, key: dict[str, str]) -> None:
    """Of twenty different calls that race under one key one wins, and the others hear 422."""
    answered = at_once(lambda n: api.chat(f"{n}", headers=key | ASYNC))
    assert sorted(each.status_code for each in answered) == [202] + [422] * 19
    assert len(api.jobs()) == 1


def at_once(call: Callable[[int], Result]) -> list[Result]:
    """Make twenty calls in as many threads that begin together."""
    begin = threading.Barrier(20)
    answered: list[Result] = []

    def one(number: int) -> None:
        begin.wait(10)
        answered.append(call(number))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return answered
