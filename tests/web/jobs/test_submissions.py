"""POST /v1/jobs: one job or a thousand; all of them, or none and every fault."""

from typing import Any

import pytest

from app.domain.errors import InvalidRequest, ModelNotFound, OutOfRange
from app.domain.job import Lane
from app.wire.native.job import DEADLINE_MAX_S, JOBS_MAX
from tests.factories import chat_body, read_job
from tests.web.api import CHAT, JOBS, MOMENT, Api, assert_marked, assert_refused, entry

FIELDS = {
    *["id", "object", "status", "reason", "endpoint", "instrument", "custom_id", "metadata"],
    *["created_at", "started_at", "finished_at", "deadline_at", "cancel_requested_at"],
    *["attempts", "usage", "cost", "partial", "response", "error", "urls"],
}


def lane(api: Api, job_id: str) -> Lane:
    """Return the lane a job travels in."""
    return read_job(api.gateway, api.customer, job_id).lane


def test_one_job_is_accepted(api: Api) -> None:
    """A job is answered with 202, where it is, and itself."""
    answered = api.post(JOBS, entry())
    assert answered.status_code == 202
    assert answered.headers["location"] == f"{JOBS}/{answered.json['id']}"
    assert api.get(answered.headers["location"]).json == answered.json
    assert_marked(answered)


def test_one_job_is_interactive(api: Api) -> None:
    """Who submits one job is probably waiting for it."""
    assert lane(api, api.post(JOBS, entry()).json["id"]) is Lane.INTERACTIVE


def test_a_job_object_has_the_contracts_fields(api: Api) -> None:
    """A new job shows every field there is, with null for what is not known yet."""
    job = api.post(JOBS, entry(custom_id="row-1", metadata={"run": "7"}, deadline_s=60)).json
    assert set(job) == FIELDS
    assert job["id"].startswith("job_")
    assert job | {"created_at": None, "deadline_at": None} == {
        "id": job["id"],
        "object": "job",
        "status": "queued",
        "reason": None,
        "endpoint": CHAT,
        "instrument": "text-prime",
        "custom_id": "row-1",
        "metadata": {"run": "7"},
        "created_at": None,
        "started_at": None,
        "finished_at": None,
        "deadline_at": None,
        "cancel_requested_at": None,
        "attempts": 0,
        "usage": None,
        "cost": None,
        "partial": False,
        "response": None,
        "error": None,
        "urls": {
            "self": f"{JOBS}/{job['id']}",
            "cancel": f"{JOBS}/{job['id']}/cancel",
            "stream": f"{JOBS}/{job['id']}/stream",
        },
    }
    assert MOMENT.fullmatch(job["created_at"])
    assert MOMENT.fullmatch(job["deadline_at"])


def test_a_job_that_says_nothing_more_has_no_name(api: Api) -> None:
    """What a client leaves out stays out."""
    job = api.post(JOBS, entry()).json
    assert (job["custom_id"], job["metadata"]) == (None, {})


def test_many_jobs_keep_their_order(api: Api) -> None:
    """A list of jobs is answered as a list, in the order in which it came, in the batch lane."""
    answered = api.post(JOBS, {"jobs": [entry(custom_id=str(n)) for n in range(3)]})
    assert answered.status_code == 202
    page = answered.json
    assert [job["custom_id"] for job in page["data"]] == ["0", "1", "2"]
    assert (page["object"], page["has_more"]) == ("list", False)
    assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][2]["id"])
    assert {lane(api, job["id"]) for job in page["data"]} == {Lane.BATCH}
    assert "location" not in answered.headers


def test_a_thousand_jobs_are_accepted_at_once(api: Api) -> None:
    """The most one request may bring is written whole, each job with an id of its own."""
    answered = api.post(JOBS, {"jobs": [entry(custom_id=f"n{n}") for n in range(JOBS_MAX)]})
    assert answered.status_code == 202
    assert [job["custom_id"] for job in answered.json["data"]] == [f"n{n}" for n in range(JOBS_MAX)]
    assert len({job["id"] for job in answered.json["data"]}) == JOBS_MAX


def test_a_list_of_one_is_a_list(api: Api) -> None:
    """The answer has the form of the request, however many jobs it holds."""
    assert len(api.post(JOBS, {"jobs": [entry()]}).json["data"]) == 1


def test_equal_jobs_of_a_list_are_jobs_of_their_own(api: Api) -> None:
    """Submitting the same thing three times in one list makes three jobs."""
    answered = api.post(JOBS, {"jobs": [entry(custom_id="same")] * 3})
    assert len({job["id"] for job in answered.json["data"]}) == 3


def test_one_bad_job_among_a_thousand_stops_them_all(api: Api) -> None:
    """Nothing is written, and each of the bad job's faults tells its index."""
    jobs: list[Any] = [entry() for _ in range(JOBS_MAX)]
    jobs[617] = {"endpoint": CHAT, "body": chat_body(), "custom_id": "", "deadline_s": "soon"}
    answered = api.post(JOBS, {"jobs": jobs})
    assert_refused(answered, 400, InvalidRequest)
    faults = answered.json["error"]["faults"]
    assert [(fault["index"], fault["where"]) for fault in faults] == [
        (617, "custom_id"),
        (617, "deadline_s"),
    ]
    assert answered.json["error"]["message"].startswith("jobs[617].custom_id: ")
    assert api.jobs() == []


def test_faults_of_every_kind_are_told_together(api: Api) -> None:
    """Faults of the job, of its body and of its instrument stand side by side, in order."""
    bad = [
        {"endpoint": CHAT, "body": chat_body() | {"model": "nobody"}},
        entry(),
        {"endpoint": "/v1/other", "body": chat_body()},
        {"endpoint": CHAT, "body": chat_body() | {"temperature": 3}},
        5,
        {"endpoint": CHAT, "body": {"model": "text-prime"}},
        entry(),
    ]
    answered = api.post(JOBS, {"jobs": bad})
    assert_refused(answered, 400, InvalidRequest)
    assert [fault["index"] for fault in answered.json["error"]["faults"]] == [0, 2, 3, 4, 5]
    assert api.jobs() == []


def test_a_fault_around_the_body_hides_none_within(api: Api) -> None:
    """A job that is wrong in both places is told both, and so is the same job sent alone."""
    bad = {"endpoint": CHAT, "body": chat_body() | {"temperature": "hot"}, "deadline_s": "soon"}
    for sent in ({"jobs": [bad]}, bad):
        answered = api.post(JOBS, sent)
        told = [(fault["where"], fault["what"]) for fault in answered.json["error"]["faults"]]
        assert told == [
            ("deadline_s", "must be a whole number"),
            ("temperature", "must be a number"),
        ]


def test_an_unknown_model_is_told_beside_other_faults(api: Api) -> None:
    """A body that is wrong, and names no instrument of ours, is told both."""
    bad = {"endpoint": CHAT, "body": {"model": "nobody", "messages": []}}
    for sent in ({"jobs": [bad]}, bad):
        answered = api.post(JOBS, sent)
        assert_refused(answered, 400, InvalidRequest)
        told = [fault["where"] for fault in answered.json["error"]["faults"]]
        assert told == ["messages", "model"]


def test_faults_of_range_alone_are_a_422(api: Api) -> None:
    """Where every job is well formed and some value is too big, the answer is 422."""
    answered = api.post(JOBS, {"jobs": [entry(), entry(deadline_s=DEADLINE_MAX_S + 1)]})
    assert_refused(answered, 422, OutOfRange)
    assert answered.json["error"]["faults"][0]["index"] == 1


def test_1001_jobs_are_refused(api: Api) -> None:
    """One more than a thousand is too many, and the message tells both numbers."""
    answered = api.post(JOBS, {"jobs": [entry() for _ in range(JOBS_MAX + 1)]})
    assert_refused(answered, 400, InvalidRequest)
    assert "1000" in answered.json["error"]["message"]
    assert "1001" in answered.json["error"]["message"]
    assert api.jobs() == []


@pytest.mark.parametrize("jobs", [[], {}, None, "all", 3])
def test_jobs_must_be_a_list_of_some(api: Api, jobs: object) -> None:
    """What is not a list of at least one job is refused by name."""
    answered = api.post(JOBS, {"jobs": jobs})
    assert_refused(answered, 400, InvalidRequest)
    assert answered.json["error"]["param"] == "jobs"


@pytest.mark.parametrize("beside", [entry(), {"metadata": {"a": "b"}}, {"endpoint": CHAT}])
def test_nothing_may_stand_beside_a_list(api: Api, beside: dict[str, Any]) -> None:
    """A field beside `jobs` would be ignored in silence, so it is refused by name."""
    answered = api.post(JOBS, {"jobs": [entry()], **beside})
    assert_refused(answered, 400, InvalidRequest)
    assert answered.json["error"]["param"] in beside
    assert api.jobs() == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"endpoint": "/v1/embeddings"}, 422),
        ({"body": None}, 400),
        ({"body": []}, 400),
        ({"custom_id": 5}, 400),
        ({"custom_id": "c" * 65}, 422),
        ({"custom_id": "a\0b"}, 400),
        ({"metadata": {"k": 5}}, 400),
        ({"metadata": {"k": "v" * 513}}, 422),
        ({"metadata": {str(n): "" for n in range(17)}}, 422),
        ({"deadline_s": 1.5}, 400),
        ({"deadline_s": 0}, 422),
        ({"priority": 1}, 400),
    ],
    ids=lambda value: str(value)[:32],
)
def test_a_bad_field_is_refused_by_name(api: Api, fields: dict[str, Any], status: int) -> None:
    """Types are a 400 and ranges a 422, as on the compatible path; nothing is written."""
    answered = api.post(JOBS, entry() | fields)
    assert answered.status_code == status, answered.text
    assert answered.json["error"]["param"].startswith(next(iter(fields)))
    assert api.jobs() == []


def test_a_body_is_checked_at_submit(api: Api) -> None:
    """A prompt that could not be answered is refused now, not after an hour in the queue."""
    answered = api.post(JOBS, {"endpoint": CHAT, "body": chat_body() | {"model": "nobody"}})
    assert_refused(answered, 404, ModelNotFound)
    assert api.jobs() == []
