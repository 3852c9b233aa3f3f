"""Jobs as they are submitted through the native API."""

from typing import Any

import pytest

from app.domain.errors import BusbarError, InvalidRequest, OutOfRange
from app.wire.faults import Found
from app.wire.metadata import PAIRS_MAX
from app.wire.native.job import (
    DEADLINE_MAX_S,
    JOBS_MAX,
    JobRequest,
    entries,
    read,
    refuse,
)

GOOD: dict[str, Any] = {"endpoint": "/v1/chat/completions", "body": {"model": "text-max"}}


def read_one(entry: Any) -> JobRequest:
    """Return a job that has no fault."""
    wanted, found = read(entry, index=None)
    refuse(found)
    assert wanted is not None
    return wanted


def read_many(body: dict[str, Any]) -> tuple[list[JobRequest | None], list[Found]]:
    """Return all jobs of a request, and all faults."""
    read_each = [read(entry, index=index) for index, entry in enumerate(entries(body))]
    return [wanted for wanted, _ in read_each], [one for _, found in read_each for one in found]


def refused(**fields: Any) -> BusbarError:
    """Return the refusal of a good job with these fields put in."""
    with pytest.raises(BusbarError) as caught:
        read_one({**GOOD, **fields})
    return caught.value


def refused_many(*jobs: Any, **beside: Any) -> BusbarError:
    """Return the refusal of a request with these jobs."""
    with pytest.raises(BusbarError) as caught:
        refuse(read_many({"jobs": list(jobs), **beside})[1])
    return caught.value


def test_a_job_needs_an_endpoint_and_a_body() -> None:
    """Everything else may be left out."""
    assert read_one(GOOD) == JobRequest(**GOOD)


@pytest.mark.parametrize(
    "fields",
    [
        {"custom_id": "a"},
        {"custom_id": "é" * 64},
        {"custom_id": None},
        {"metadata": {}},
        {"metadata": {str(at): "" for at in range(PAIRS_MAX)}},
        {"metadata": {"k" * 64: "v" * 512}},
        {"metadata": {"k": "line\nline\ttab 😀"}},
        {"deadline_s": 1},
        {"deadline_s": DEADLINE_MAX_S},
        {"body": {}},
    ],
    ids=lambda fields: str(fields)[:30],
)
def test_what_is_allowed_is_taken(fields: dict[str, Any]) -> None:
    """Both ends of every limit are inside it."""
    name, value = next(iter(fields.items()))
    assert getattr(read_one({**GOOD, **fields}), name) == value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("endpoint", "/v1/completions"),
        ("custom_id", ""),
        ("custom_id", "c" * 65),
        ("metadata", {str(at): "" for at in range(PAIRS_MAX + 1)}),
        ("metadata", {"": "v"}),
        ("metadata", {"k" * 65: "v"}),
        ("metadata", {"k": "v" * 513}),
        ("deadline_s", 0),
        ("deadline_s", DEADLINE_MAX_S + 1),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_value_past_its_limit_is_a_422(field: str, value: Any) -> None:
    """What is well formed and past a limit is refused as such, by its name."""
    error = refused(**{field: value})
    assert isinstance(error, OutOfRange)
    assert (error.param or "").startswith(field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("endpoint", 5),
        ("endpoint", None),
        ("body", []),
        ("body", "{}"),
        ("body", None),
        ("custom_id", 5),
        ("metadata", []),
        ("metadata", {"k": 5}),
        ("metadata", {"k": None}),
        ("deadline_s", True),
        ("deadline_s", 1.0),
        ("deadline_s", "60"),
        ("priority", 1),
    ],
)
def test_a_wrong_shape_is_a_400(field: str, value: Any) -> None:
    """Types are strict and unknown fields are typos: both are refused by name."""
    error = refused(**{field: value})
    assert (error.param or "").startswith(field)
    if field != "endpoint":
        assert isinstance(error, InvalidRequest)


@pytest.mark.parametrize("text", ["a\0b", "\ud83d", "a\udc00"])
@pytest.mark.parametrize("field", ["custom_id", "key", "value"])
def test_text_that_postgres_cannot_store_is_refused(field: str, text: str) -> None:
    """NUL and halves of surrogate pairs are a 400 wherever we keep the text ourselves."""
    where: dict[str, dict[str, Any]] = {
        "custom_id": {"custom_id": text},
        "key": {"metadata": {text: "v"}},
        "value": {"metadata": {"k": text}},
    }
    error = refused(**where[field])
    assert isinstance(error, InvalidRequest)
    assert (error.param or "").startswith("custom_id" if field == "custom_id" else "metadata")


def test_a_body_may_hold_what_we_do_not_store_as_text() -> None:
    """The body goes to the provider as it is: NUL in a prompt is no fault of ours."""
    body = {"messages": [{"content": "a\0b\ud83d"}]}
    assert read_one({**GOOD, "body": body}).body == body


def test_all_faults_of_a_job_come_at_once() -> None:
    """Every field at fault is listed."""
    error = refused(endpoint=None, body=[], custom_id="", deadline_s=0, x=1)
    assert {fault.where for fault in error.faults} == {
        "endpoint",
        "body",
        "custom_id",
        "deadline_s",
        "x",
    }


def test_many_jobs_are_read_in_order() -> None:
    """Good jobs come back as they were sent, without a fault."""
    jobs = [{**GOOD, "custom_id": str(at)} for at in range(JOBS_MAX)]
    good, found = read_many({"jobs": jobs})
    assert [job and job.custom_id for job in good] == [str(at) for at in range(JOBS_MAX)]
    assert found == []
    refuse(found)


def test_a_bad_job_is_read_as_far_as_it_goes() -> None:
    """What is wrong around a body does not keep the body from being looked at."""
    good, found = read_many({"jobs": [GOOD, {}, {**GOOD, "x": 1}, 5]})
    assert good == [JobRequest(**GOOD), None, JobRequest(**GOOD), None]
    assert {fault.index for fault, _ in found} == {1, 2, 3}


def test_all_faults_of_all_jobs_come_at_once() -> None:
    """Every fault tells the index of its job, and the message names the first."""
    error = refused_many(GOOD, {**GOOD, "deadline_s": 0}, {**GOOD, "body": 5, "custom_id": ""})
    assert [(fault.index, fault.where) for fault in error.faults] == [
        (1, "deadline_s"),
        (2, "body"),
        (2, "custom_id"),
    ]
    assert error.message.startswith("jobs[1].deadline_s: ")
    assert isinstance(error, InvalidRequest)


def test_faults_of_range_alone_are_a_422() -> None:
    """Where each fault of each job is one of range, so is the whole."""
    error = refused_many({**GOOD, "deadline_s": 0}, {**GOOD, "custom_id": ""})
    assert isinstance(error, OutOfRange)


@pytest.mark.parametrize("entry", [5, None, "job", []])
def test_what_is_no_job_at_all_is_refused_by_its_index(entry: Any) -> None:
    """An entry that is not an object is named by its place in the list."""
    error = refused_many(GOOD, entry)
    assert error.faults[0].index == 1
    assert error.message.startswith("jobs[1]: ")


@pytest.mark.parametrize("jobs", [None, {}, "jobs", 5, []])
def test_jobs_must_be_a_list_of_some(jobs: Any) -> None:
    """What is not a list, or an empty one, is refused as a whole."""
    with pytest.raises(InvalidRequest, match=r"^jobs: must be a list") as caught:
        read_many({"jobs": jobs})
    assert caught.value.param == "jobs"


def test_a_thousand_jobs_are_enough() -> None:
    """One job too many, and none is looked at; the message tells limit and number."""
    with pytest.raises(InvalidRequest, match=f"at most {JOBS_MAX} .* not {JOBS_MAX + 1}$"):
        read_many({"jobs": [GOOD] * (JOBS_MAX + 1)})


def test_nothing_stands_beside_jobs() -> None:
    """A field beside the list would be ignored in silence, so it is refused by name."""
    assert refused_many(GOOD, deadline_s=60).param == "deadline_s"
