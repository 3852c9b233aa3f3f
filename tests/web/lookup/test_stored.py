"""Stored completions: what was asked with `store: true` can be found, changed and deleted."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.attempt import FailureKind
from app.domain.errors import InvalidRequest, NotFound, OutOfRange
from app.domain.ids import suffix
from app.services import read
from app.services.keeping.sweep import purge
from tests.factories import chat_body, failure
from tests.services.book import change
from tests.web.api import CHAT, JOBS, Api, assert_refused
from tests.web.polling import eventually


@pytest.fixture
def keep(api: Api, carry: Callable[..., None]) -> Callable[..., str]:
    """Ask for a completion that is kept, and return its id."""
    carry(api)

    def ask(text: str = "Keep it.", **more: Any) -> str:
        answered = api.chat(text, store=True, **more)
        assert answered.status_code == 200, answered.text
        return str(answered.json["id"])

    return ask


def listed(api: Api, query: str = "") -> list[str]:
    """Return the ids of a page of stored completions."""
    answered = api.get(CHAT, query)
    assert answered.status_code == 200, answered.text
    return [completion["id"] for completion in answered.json["data"]]


def test_a_stored_completion_is_the_answer(api: Api, keep: Callable[..., str]) -> None:
    """It can be read again under the id it came with, with the pairs it was asked with."""
    stored = api.get(f"{CHAT}/{keep('Say so.', metadata={'run': '7'})}").json
    assert stored["object"] == "chat.completion"
    assert stored["choices"][0]["message"]["content"] == "re: Say so."
    assert stored["metadata"] == {"run": "7"}


def test_its_id_is_its_jobs(api: Api, keep: Callable[..., str]) -> None:
    """A completion and its job are told apart by the prefix alone."""
    completion_id = keep()
    (job,) = api.jobs()
    assert completion_id == f"chatcmpl-{suffix(job['id'])}"


def test_what_was_not_to_be_kept_is_not_there(api: Api, keep: Callable[..., str]) -> None:
    """Without `store: true` a completion is in no list and under no id."""
    answered = api.chat()
    for unkept in (answered, api.chat(store=False), api.chat(store=None)):
        assert_refused(api.get(f"{CHAT}/{unkept.json['id']}"), 404, NotFound)
    assert listed(api) == []


def test_what_has_no_answer_is_not_there(api: Api, carry: Callable[..., None]) -> None:
    """A job that waits or failed keeps nothing, whatever it was asked with."""
    job_id = api.later(store=True)
    assert_refused(api.get(f"{CHAT}/chatcmpl-{suffix(job_id)}"), 404, NotFound)
    carry(api, lambda _: failure(FailureKind.REJECTED, status_code=400))
    assert api.job(job_id, wait_s=20)["status"] == "failed"
    assert listed(api) == []


def test_a_job_can_be_kept_too(api: Api, keep: Callable[..., str]) -> None:
    """`store` counts in the body of a native job, and its pairs are the job's."""
    entry = {"endpoint": CHAT, "body": chat_body(store=True), "metadata": {"of": "the job"}}
    job_id = api.post(JOBS, entry).json["id"]
    api.job(job_id, wait_s=20)
    stored = api.get(f"{CHAT}/chatcmpl-{suffix(job_id)}").json
    assert stored["metadata"] == {"of": "the job"}


def test_a_list_is_oldest_first(api: Api, keep: Callable[..., str]) -> None:
    """As that vendor has it; `order=desc` turns it round."""
    ids = [keep(f"{n}") for n in range(3)]
    assert listed(api) == listed(api, "order=asc") == ids
    assert listed(api, "order=desc") == ids[::-1]


def test_an_empty_list_is_a_whole_page(api: Api) -> None:
    """`has_more` is always there: without it that vendor's SDK would ask for ever."""
    assert api.get(CHAT).json == {
        "object": "list",
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_follow_each_other(api: Api, keep: Callable[..., str], order: str) -> None:
    """Following the last id comes past every completion once and ends."""
    ids = [keep(f"{n}") for n in range(3)]
    first = api.get(CHAT, f"limit=2&order={order}").json
    assert (first["has_more"], len(first["data"])) == (True, 2)
    second = api.get(CHAT, f"limit=2&order={order}&after={first['last_id']}").json
    assert (second["has_more"], len(second["data"])) == (False, 1)
    found = [each["id"] for each in first["data"] + second["data"]]
    assert found == (ids if order == "asc" else ids[::-1])


def test_a_list_is_filtered_by_pairs(api: Api, keep: Callable[..., str]) -> None:
    """`metadata[key]=value` keeps what has that pair; several must all be there."""
    one = keep("one", metadata={"run": "7", "row": "1", "a key": "a, value"})
    two = keep("two", metadata={"run": "7", "row": "2"})
    keep("three")
    assert listed(api, "metadata[run]=7") == [one, two]
    assert listed(api, "metadata%5Brun%5D=7&metadata[row]=2") == [two]
    assert listed(api, "metadata[a%20key]=a%2C%20value") == [one]
    assert listed(api, "metadata[run]=8") == []


def test_a_list_is_filtered_by_model(api: Api, keep: Callable[..., str]) -> None:
    """In any letter case, as everywhere."""
    prime = keep()
    largest = keep(model="text-max")
    assert listed(api, "model=Text-Prime") == [prime]
    assert listed(api, "model=text-max") == [largest]
    assert listed(api, "model=nobody") == []


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("order=newest", "order"),
        ("after=a%00b", "after"),
        ("model=a%00b", "model"),
        ("metadata[a]=a%00b", "metadata[a]"),
        ("metadata[a%00b]=a", "metadata"),
    ],
)
def test_a_strange_list_is_a_400(api: Api, query: str, param: str) -> None:
    """What cannot be meant is refused by the name of its parameter."""
    answered = api.get(CHAT, query)
    assert_refused(answered, 400, InvalidRequest)
    assert answered.json["error"]["param"] == param


@pytest.mark.parametrize(
    "query", ["after=chatcmpl-0", "metadata=x", "metadata[]=x", "metadata[a=x", "metadata[%FF]=%FF"]
)
def test_a_harmless_list_is_answered(api: Api, query: str) -> None:
    """A query that matches nothing or means nothing is no error."""
    assert api.get(CHAT, query).status_code == 200


def test_its_messages_are_listed(api: Api, keep: Callable[..., str]) -> None:
    """Each message of the prompt has an id; parts stand beside the content, as that vendor does."""
    parts = [{"type": "text", "text": "Hm."}]
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief.", "name": "boss"},
        {"role": "user", "content": parts},
    ]
    completion_id = keep(messages=messages)
    page = api.get(f"{CHAT}/{completion_id}/messages").json
    assert page["data"] == [
        {"id": f"{completion_id}-0", **messages[0], "content_parts": None},
        {"id": f"{completion_id}-1", "role": "user", "content": None, "content_parts": parts},
    ]
    assert (page["object"], page["has_more"]) == ("list", False)
    assert (page["first_id"], page["last_id"]) == (f"{completion_id}-0", f"{completion_id}-1")


def test_its_messages_come_in_pages(api: Api, keep: Callable[..., str]) -> None:
    """Limit, order and the id to go on from work as in the other lists."""
    messages = [{"role": "user", "content": f"{n}"} for n in range(3)]
    path = f"{CHAT}/{keep(messages=messages)}/messages"
    first = api.get(path, "limit=2&order=desc").json
    assert [message["content"] for message in first["data"]] == ["2", "1"]
    second = api.get(path, f"limit=2&order=desc&after={first['last_id']}").json
    assert [message["content"] for message in second["data"]] == ["0"]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert_refused(api.get(path, "after=x"), 400, InvalidRequest)


def test_its_pairs_can_be_replaced(api: Api, keep: Callable[..., str]) -> None:
    """What is sent is what there is afterwards; null takes all pairs away."""
    path = f"{CHAT}/{keep(metadata={'a': '1'})}"
    changed = api.post(path, {"metadata": {"b": "2"}})
    assert (changed.status_code, changed.json["metadata"]) == (200, {"b": "2"})
    assert api.get(path).json == changed.json
    assert listed(api, "metadata[a]=1") == []
    assert api.post(path, {"metadata": None}).json["metadata"] == {}


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({}, 400, InvalidRequest),
        ({"metadata": {"a": 1}}, 400, InvalidRequest),
        ({"metadata": {"a": "\0"}}, 400, InvalidRequest),
        ({"metadata": {"a": "x" * 513}}, 422, OutOfRange),
        ({"metadata": {str(n): "" for n in range(17)}}, 422, OutOfRange),
    ],
    ids=lambda value: str(value)[:40],
)
def test_pairs_that_cannot_be_kept_are_refused(
    api: Api, keep: Callable[..., str], body: dict[str, Any], status: int, error: type[NotFound]
) -> None:
    """The limits are those of a request, and the old pairs stay."""
    path = f"{CHAT}/{keep(metadata={'a': '1'})}"
    assert_refused(api.post(path, body), status, error)
    assert api.get(path).json["metadata"] == {"a": "1"}


def test_a_deleted_completion_is_gone(api: Api, keep: Callable[..., str]) -> None:
    """It is in no list, under no id, has no messages and can be neither changed nor deleted."""
    completion_id = keep()
    path = f"{CHAT}/{completion_id}"
    gone = api.ask("DELETE", path)
    assert (gone.status_code, gone.json) == (
        200,
        {"object": "chat.completion.deleted", "id": completion_id, "deleted": True},
    )
    for answered in (api.get(path), api.get(f"{path}/messages"), api.ask("DELETE", path)):
        assert_refused(answered, 404, NotFound)
    assert_refused(api.post(path, {"metadata": None}), 404, NotFound)
    assert listed(api) == []


def test_deleting_leaves_the_book_as_it_is(api: Api, keep: Callable[..., str]) -> None:
    """The job stays with its cost, without what was asked and answered."""
    completion_id = keep()
    (before,) = api.jobs()
    spent = api.balance()["spent"]
    api.ask("DELETE", f"{CHAT}/{completion_id}")
    job = api.job(before["id"])
    assert (job["status"], job["response"], job["cost"]) == ("succeeded", None, before["cost"])
    assert api.balance()["spent"] == spent
    assert read.examine(api.gateway) == []


def test_a_retry_does_not_join_what_was_deleted(api: Api, keep: Callable[..., str]) -> None:
    """The same call sent again gets an answer of its own."""
    completion_id = keep("Once.")
    api.ask("DELETE", f"{CHAT}/{completion_id}")
    again = api.chat("Once.", store=True, headers={"x-stainless-retry-count": "1"})
    assert (again.status_code, again.json["id"] != completion_id) == (200, True)


def test_a_replay_of_what_was_deleted_is_a_404(api: Api, keep: Callable[..., str]) -> None:
    """An Idempotency-Key stands for its job for a day; its answer is gone, and nothing is sent."""
    key = {"Idempotency-Key": "kept once"}
    completion_id = keep("Once.", headers=key)
    api.ask("DELETE", f"{CHAT}/{completion_id}")
    assert_refused(api.chat("Once.", store=True, headers=key), 404, NotFound)


def test_what_has_been_purged_is_not_there(api: Api, keep: Callable[..., str]) -> None:
    """An answer past its age disappears from lists and ids alike, while newer ones stay."""
    old = keep("old")
    between = datetime.now(UTC)
    new = keep("new")
    kept = timedelta(days=api.gateway.settings.payload_days)
    aged = "UPDATE jobs SET created_at = created_at - :kept WHERE account_id = :a"
    change(api.gateway, aged, kept=kept, a=api.customer.account_id)
    later = replace(api.gateway, now=lambda: between + kept)
    eventually(lambda: purge(later) is not None and listed(api) == [new])
    for path in (f"{CHAT}/{old}", f"{CHAT}/{old}/messages"):
        assert_refused(api.get(path), 404, NotFound)
    assert_refused(api.post(f"{CHAT}/{old}", {"metadata": {}}), 404, NotFound)
    assert_refused(api.ask("DELETE", f"{CHAT}/{old}"), 404, NotFound)
    assert api.get(f"{CHAT}/{new}").status_code == 200


def test_what_is_past_its_age_is_not_listed(api: Api, keep: Callable[..., str]) -> None:
    """A list need not wait for the purge, nor look at years of rows whose answers are gone."""
    completion_id = keep()
    assert listed(api.with_settings(payload_days=1e-9)) == []
    assert listed(api) == [completion_id]


def test_a_completion_is_ones_own(api: Api, keep: Callable[..., str]) -> None:
    """Another account finds nothing, changes nothing and deletes nothing."""
    path, other = f"{CHAT}/{keep(metadata={'a': '1'})}", api.another()
    for answered in (other.get(path), other.get(f"{path}/messages"), other.ask("DELETE", path)):
        assert_refused(answered, 404, NotFound)
    assert_refused(other.post(path, {"metadata": None}), 404, NotFound)
    assert other.get(CHAT).json["data"] == []
    assert api.get(path).json["metadata"] == {"a": "1"}


@pytest.mark.parametrize(
    "name", ["x", "chatcmpl-", "chatcmpl-1", "job_1", "chatcmpl-a%00b", "chatcmpl-%FF", "c" * 5_000]
)
def test_what_is_no_completion_is_a_404(api: Api, name: str) -> None:
    """Whatever stands in the path, what is not there is not there."""
    path = f"{CHAT}/{name}"
    for answered in (api.get(path), api.get(f"{path}/messages"), api.ask("DELETE", path)):
        assert_refused(answered, 404, NotFound)
    assert_refused(api.post(path, {"metadata": None}), 404, NotFound)
