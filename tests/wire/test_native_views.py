"""The job object, the list page and the balance object."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain.job import FINAL, Job, JobError, JobState, Lane, Reason
from app.domain.pricing import Usage
from app.wire.native import balance
from app.wire.native.job import list_page, view

MADE = datetime(2026, 11, 23, 6, 0, 0, 123456, tzinfo=UTC)

QUEUED = Job(
    id="job_1",
    account_id="acct_1",
    lane=Lane.BATCH,
    endpoint="/v1/chat/completions",
    instrument="text-max",
    state=JobState.QUEUED,
    custom_id=None,
    metadata=None,
    created_at=MADE,
    deadline_at=MADE + timedelta(days=1),
)
RUNNING = replace(QUEUED, state=JobState.RUNNING, attempts=1, started_at=MADE)
SUCCEEDED = replace(
    RUNNING,
    state=JobState.SUCCEEDED,
    finished_at=MADE,
    usage=Usage(input_tokens=3, output_tokens=5, cached_tokens=1, reasoning_tokens=2),
    cost_nanos=12_500_000,
    status_code=200,
    response=b'{"choices":[]}',
)
FAILED = replace(
    RUNNING,
    state=JobState.FAILED,
    finished_at=MADE,
    status_code=503,
    error=JobError(code="provider_unavailable", message="Nobody answered."),
)

FIELDS = [
    *("id", "object", "status", "reason", "endpoint", "instrument", "custom_id", "metadata"),
    *("created_at", "started_at", "finished_at", "deadline_at", "cancel_requested_at"),
    *("attempts", "usage", "cost", "partial", "response", "error", "urls"),
]


@pytest.mark.parametrize("state", list(JobState))
def test_a_job_object_always_has_all_its_fields(state: JobState) -> None:
    """In every state the same fields are there, and are JSON."""
    shown = view(replace(QUEUED, state=state))
    assert list(shown) == FIELDS
    assert json.loads(json.dumps(shown)) == shown
    assert shown["status"] == state.value


def test_a_queued_job_has_no_answer_yet() -> None:
    """What is not known is null, and metadata is an object even where none was sent."""
    shown = view(QUEUED)
    absent = ("reason", "custom_id", "started_at", "finished_at", "usage", "cost", "response")
    assert [shown[name] for name in (*absent, "error")] == [None] * 8
    assert shown["metadata"] == {}
    assert shown["attempts"] == 0


@pytest.mark.parametrize("reason", list(Reason))
def test_a_waiting_job_says_why(reason: Reason) -> None:
    """The reason is one of three words."""
    shown = view(replace(QUEUED, state=JobState.WAITING, reason=reason))
    assert (shown["status"], shown["reason"]) == ("waiting", reason.value)


def test_a_running_job_says_since_when() -> None:
    """A job in a worker's hands has a start and no end."""
    shown = view(RUNNING)
    assert shown["started_at"] is not None
    assert shown["finished_at"] is None


def test_a_job_that_succeeded_shows_its_answer_and_its_price() -> None:
    """The response is the provider's body as JSON, usage is counted, cost is a decimal string."""
    shown = view(SUCCEEDED)
    assert shown["response"] == {"status_code": 200, "body": {"choices": []}}
    assert shown["cost"] == "0.0125"
    assert shown["usage"] == {
        "input_tokens": 3,
        "output_tokens": 5,
        "cached_tokens": 1,
        "reasoning_tokens": 2,
    }


def test_a_job_that_cost_nothing_says_so() -> None:
    """Zero is a cost; unknown is none."""
    assert view(replace(SUCCEEDED, cost_nanos=0))["cost"] == "0.00"


def test_a_job_that_failed_shows_error_and_envelope() -> None:
    """The error is told in short, and in full as the response a waiting caller got."""
    shown = view(FAILED)
    assert shown["error"] == {"code": "provider_unavailable", "message": "Nobody answered."}
    assert shown["response"]["status_code"] == 503
    assert shown["response"]["body"]["error"]["message"] == "Nobody answered."


def test_a_job_that_failed_with_the_providers_own_body_shows_that() -> None:
    """A body that was kept goes before one we would make."""
    shown = view(replace(FAILED, response=b'{"error":{"message":"theirs"}}'))
    assert shown["response"]["body"] == {"error": {"message": "theirs"}}


def test_a_job_without_a_status_has_no_response() -> None:
    """A job that was cancelled before any call has an error and no response."""
    cancelled = replace(
        QUEUED,
        state=JobState.CANCELLED,
        finished_at=MADE,
        error=JobError(code="job_cancelled", message="The job was cancelled."),
    )
    assert view(cancelled)["response"] is None
    assert view(cancelled)["error"]["code"] == "job_cancelled"


def test_a_purged_answer_leaves_the_rest() -> None:
    """Where the body is no longer kept the job still tells usage and cost."""
    shown = view(replace(SUCCEEDED, response=None))
    assert shown["response"] is None
    assert shown["cost"] == "0.0125"


@pytest.mark.parametrize("moment", [MADE, MADE.astimezone(timezone(timedelta(0)))])
def test_times_are_utc_and_end_in_z(moment: datetime) -> None:
    """Times are RFC 3339 with the letter Z."""
    assert view(replace(QUEUED, created_at=moment))["created_at"] == "2026-11-23T06:00:00.123456Z"


def test_a_job_links_to_itself() -> None:
    """The addresses to look again and to cancel come with the job."""
    assert view(QUEUED)["urls"] == {
        "self": "/v1/jobs/job_1",
        "cancel": "/v1/jobs/job_1/cancel",
        "stream": "/v1/jobs/job_1/stream",
    }


def test_is_final_follows_the_state() -> None:
    """A job is final in the four final states and no other."""
    assert {state for state in JobState if replace(QUEUED, state=state).is_final} == FINAL


def test_a_page_lists_jobs_between_its_first_and_last_id() -> None:
    """A page has the form the vendors' SDKs page through."""
    page = list_page([QUEUED, replace(QUEUED, id="job_2")], has_more=True)
    assert [job["id"] for job in page.pop("data")] == ["job_1", "job_2"]
    assert page == {"object": "list", "has_more": True, "first_id": "job_1", "last_id": "job_2"}


def test_an_empty_page_has_no_ids() -> None:
    """Nothing found is a page too."""
    page = list_page([], has_more=False)
    assert (page["data"], page["first_id"], page["last_id"]) == ([], None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A lot as the balance object asks for it."""

    id: str = "lot_1"
    source: str = "deposit"
    amount_nanos: int = 5_000_000_000
    used_nanos: int = 1
    held_nanos: int = 0
    expires_at: datetime | None = None
    is_expired: bool = False
    instrument: str | None = None
    tokens: int | None = None
    tokens_left: int | None = None


def test_a_balance_is_told_in_decimal_strings() -> None:
    """Every amount is a string of dollars, down to the last nano-dollar."""
    lot = Credit(expires_at=MADE, instrument="text-max")
    shown = balance.view(
        "acct_1", available_nanos=4_999_999_999, held_nanos=0, spent_nanos=1, lots=[lot]
    )
    assert shown["available"] == "4.999999999"
    assert (shown["held"], shown["spent"]) == ("0.00", "0.000000001")
    assert shown["lots"][0]["amount"] == "5.00"
    assert shown["lots"][0]["used"] == "0.000000001"


def test_a_balance_writes_times_as_a_job_does() -> None:
    """A lot's expiry has the same form as every other time."""
    shown = balance.view(
        "acct_1", available_nanos=0, held_nanos=0, spent_nanos=0, lots=[Credit(expires_at=MADE)]
    )
    assert shown["lots"][0]["expires_at"] == "2026-11-23T06:00:00.123456Z"


def test_a_lot_without_end_or_scope_says_null() -> None:
    """What never expires and serves every instrument says so by null."""
    shown = balance.view("acct_1", available_nanos=0, held_nanos=0, spent_nanos=0, lots=[Credit()])
    assert (shown["lots"][0]["expires_at"], shown["lots"][0]["instrument"]) == (None, None)


def test_what_is_left_of_an_expired_lot_is_expired() -> None:
    """It remains to nobody; what a hold still draws from it is held, not expired."""
    lot = Credit(expires_at=MADE, is_expired=True, held_nanos=1_000_000_000)
    shown = balance.view(
        "acct_1", available_nanos=0, held_nanos=0, spent_nanos=0, expired_nanos=7, lots=[lot]
    )
    assert shown["expired"] == "0.000000007"
    assert shown["lots"][0]["remaining"] == "0.00"
    assert shown["lots"][0]["expired"] == "3.999999999"


def test_a_lot_of_tokens_tells_how_many_are_left() -> None:
    """Its tokens stand beside its amount; a lot of money has none."""
    shown = balance.view(
        "acct_1",
        available_nanos=0,
        held_nanos=0,
        spent_nanos=0,
        next_expires_at=MADE,
        lots=[Credit(tokens=1_000_000, tokens_left=999_500), Credit()],
    )
    assert shown["next_expiry"] == "2026-11-23T06:00:00.123456Z"
    assert [lot["tokens"] for lot in shown["lots"]] == [
        {"total": 1_000_000, "remaining": 999_500},
        None,
    ]
