"""GET /v1/jobs and /v1/jobs/{id}: a job, a long poll, a page, and only one's own."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from app.domain.attempt import FailureKind
from app.domain.errors import NotFound
from tests.factories import failure
from tests.web.api import JOBS, MOMENT, Api, assert_refused, entry
from tests.web.carrier import Gate
from tests.web.polling import eventually


def submit(api: Api, count: int, **fields: Any) -> list[str]:
    """Submit jobs and return their ids, oldest first."""
    return [api.post(JOBS, entry(f"{n}", **fields)).json["id"] for n in range(count)]


def test_a_succeeded_job_tells_everything(api: Api, carry: Callable[..., None]) -> None:
    """Times, attempts, usage, cost and the answer stand in a job that succeeded."""
    carry(api)
    job = api.job(submit(api, 1)[0], wait_s=20)
    assert (job["status"], job["attempts"], job["error"]) == ("succeeded", 1, None)
    assert job["response"]["status_code"] == 200
    assert job["response"]["body"]["choices"][0]["message"]["content"] == "re: 0"
    moments = [job["created_at"], job["started_at"], job["finished_at"]]
    assert all(MOMENT.fullmatch(moment) for moment in moments)
    assert moments == sorted(moments)


def test_a_cost_is_a_decimal_string(api: Api, carry: Callable[..., None]) -> None:
    """Ten tokens in and twenty out cost what the catalog says, to the last nano-dollar."""
    carry(api)
    price = api.gateway.catalog.instruments["text-prime"].price
    nanos = -(-(10 * price.input_nanos + 20 * price.output_nanos) // 1_000_000)
    cost = api.job(submit(api, 1)[0], wait_s=20)["cost"]
    assert isinstance(cost, str)
    whole, _, fraction = cost.partition(".")
    assert int(whole) * 10**9 + int(fraction.ljust(9, "0")) == nanos


def test_no_money_is_a_float(api: Api, carry: Callable[..., None]) -> None:
    """In no job, list or balance is any number a float, whatever became of the job."""
    ids = submit(api, 2)
    carry(api)
    shown: list[Any] = [api.job(job_id, wait_s=20) for job_id in ids]
    shown += [api.jobs(), api.balance(), api.cancel(submit(api, 1)[0]).json]
    for job in shown[:2]:
        del job["response"]  # the provider's own words
    assert floats(shown) == []


def floats(value: Any) -> list[float]:
    """Return every float inside a value."""
    if isinstance(value, dict):
        return [found for inner in value.values() for found in floats(inner)]
    if isinstance(value, list):
        return [found for inner in value for found in floats(inner)]
    return [value] if isinstance(value, float) else []


def test_a_running_job_says_so(api: Api, carry: Callable[..., None]) -> None:
    """A job in a worker's hands is running, at its first attempt, and has no end yet."""
    gate = Gate()
    carry(api, gate)
    job_id = submit(api, 1)[0]
    gate.begun()
    job = api.job(job_id)
    gate.open()
    assert (job["status"], job["attempts"], job["finished_at"]) == ("running", 1, None)
    assert MOMENT.fullmatch(job["started_at"])


def test_a_job_between_attempts_says_why(api: Api, carry: Callable[..., None]) -> None:
    """A job whose providers were all busy waits with its reason and its count of attempts."""
    carry(api, lambda _: failure(FailureKind.RATE_LIMITED, status_code=429, retry_after_s=60))
    submit(api, 1)
    (job,) = eventually(lambda: api.jobs("status=waiting"))
    assert job["reason"] == "backoff"
    assert job["attempts"] == len(api.gateway.catalog.routes["text-prime"])


def test_a_long_poll_ends_with_the_job(api: Api, carry: Callable[..., None]) -> None:
    """`?wait=60` is answered as soon as the job is final, not after a minute."""
    gate = Gate()
    carry(api, gate)
    job_id = submit(api, 1)[0]
    gate.begun()
    opener = threading.Timer(0.2, gate.open)
    opener.start()
    began = time.monotonic()
    assert api.job(job_id, wait_s=60)["status"] == "succeeded"
    assert time.monotonic() - began < 10
    opener.join()


def test_a_long_poll_on_a_final_job_does_not_wait(api: Api) -> None:
    """A job that is over already is shown at once, however long one would wait."""
    job_id = submit(api, 1)[0]
    api.cancel(job_id)
    began = time.monotonic()
    assert api.job(job_id, wait_s=60)["status"] == "cancelled"
    assert time.monotonic() - began < 5


def test_a_long_poll_ends_without_the_job(api: Api) -> None:
    """When N seconds are over the job is shown as it is."""
    began = time.monotonic()
    assert api.job(submit(api, 1)[0], wait_s=1)["status"] == "queued"
    assert time.monotonic() - began >= 1


def test_a_list_is_newest_first(api: Api) -> None:
    """Jobs are listed in the opposite order of their making, without their answers."""
    ids = submit(api, 3)
    page = api.get(JOBS).json
    assert [job["id"] for job in page["data"]] == ids[::-1]
    assert (page["object"], page["has_more"]) == ("list", False)
    assert (page["first_id"], page["last_id"]) == (ids[2], ids[0])


def test_a_list_can_be_paged_to_its_end(api: Api) -> None:
    """Following `last_id` while `has_more` shows every job once and then stops."""
    ids, seen, after = submit(api, 7), [], ""
    pages = 0
    while True:
        page = api.get(JOBS, f"limit=3{after}").json
        seen += [job["id"] for job in page["data"]]
        pages += 1
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert seen == ids[::-1]
    assert pages == 3


def test_a_full_last_page_has_no_more(api: Api) -> None:
    """A page that holds exactly what there is says that it is the last one."""
    submit(api, 2)
    assert api.get(JOBS, "limit=2").json["has_more"] is False


def test_an_empty_list_has_no_ids(api: Api) -> None:
    """Nothing is a list too."""
    assert api.get(JOBS).json == {
        "object": "list",
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }


def test_a_page_has_twenty_jobs_unless_told(api: Api) -> None:
    """Without a limit a page stays readable."""
    api.post(JOBS, {"jobs": [entry() for _ in range(21)]})
    page = api.get(JOBS).json
    assert (len(page["data"]), page["has_more"]) == (20, True)


def test_a_list_can_be_filtered_by_status(api: Api) -> None:
    """`status` shows the jobs in that state and no others."""
    ids = submit(api, 3)
    api.cancel(ids[1])
    assert [job["id"] for job in api.jobs("status=cancelled")] == [ids[1]]
    assert [job["id"] for job in api.jobs("status=queued")] == [ids[2], ids[0]]
    assert api.jobs("status=succeeded") == []


@pytest.mark.parametrize("custom_id", ["row-1", "%C3%A9t%C3%A9", "a%20b", "%F0%9F%98%80"])
def test_a_list_can_be_filtered_by_custom_id(api: Api, custom_id: str) -> None:
    """`custom_id` finds a job by the client's own name for it, in any script."""
    text = {"%C3%A9t%C3%A9": "été", "a%20b": "a b", "%F0%9F%98%80": "😀"}.get(custom_id, custom_id)
    mine = submit(api, 2, custom_id=text)
    submit(api, 1, custom_id="another")
    submit(api, 1)
    assert [job["id"] for job in api.jobs(f"custom_id={custom_id}")] == mine[::-1]


def test_jobs_by_id_come_as_asked_for_with_their_answers(
    api: Api, carry: Callable[..., None]
) -> None:
    """`ids` shows those jobs in that order, finished ones with their answers, unknown ones not."""
    carry(api)
    ids = submit(api, 3)
    for job_id in ids:
        api.job(job_id, wait_s=20)
    found = api.jobs(f"ids={ids[1]},job_unknown,{ids[0]}")
    assert [job["id"] for job in found] == [ids[1], ids[0]]
    assert found[0]["response"]["body"]["choices"][0]["message"]["content"] == "re: 1"


def test_another_accounts_jobs_are_not_there(api: Api) -> None:
    """To anybody else a job does not exist: not to show, to wait for, to list or to cancel."""
    job_id = submit(api, 1, custom_id="mine")[0]
    stranger = api.another()
    assert_refused(stranger.get(f"{JOBS}/{job_id}"), 404, NotFound)
    assert_refused(stranger.get(f"{JOBS}/{job_id}", "wait=1"), 404, NotFound)
    assert_refused(stranger.cancel(job_id), 404, NotFound)
    assert (
        stranger.jobs() == stranger.jobs("custom_id=mine") == stranger.jobs(f"ids={job_id}") == []
    )
    assert api.job(job_id)["status"] == "queued"


def test_another_accounts_job_is_told_like_none(api: Api) -> None:
    """The refusal for somebody else's job is word for word the one for no job at all."""
    job_id = submit(api, 1)[0]
    theirs = api.another().get(f"{JOBS}/{job_id}").text
    assert theirs == api.get(f"{JOBS}/job_none").text.replace("job_none", job_id)
