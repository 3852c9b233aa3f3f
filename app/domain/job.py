"""A job is one client request. Its states, the legal moves between them, and its data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.domain.pricing import Usage


class JobState(StrEnum):
    """Where a job is on its walk."""

    QUEUED = "queued"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Reason(StrEnum):
    """Why a waiting job waits."""

    BALANCE = "balance"
    BACKOFF = "backoff"
    CAPACITY = "capacity"


class Lane(StrEnum):
    """Which queue carries a job: somebody waits for it, or it is one of many."""

    INTERACTIVE = "interactive"
    BATCH = "batch"


class OnEmpty(StrEnum):
    """What a job does when the balance cannot cover its hold."""

    WAIT = "wait"
    FAIL = "fail"


FINAL: Final = frozenset(
    {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED}
)
RUNNABLE: Final = frozenset({JobState.QUEUED, JobState.WAITING})

NEXT: Final[Mapping[JobState, frozenset[JobState]]] = {
    JobState.QUEUED: frozenset(
        {JobState.RUNNING, JobState.WAITING, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED}
    ),
    JobState.WAITING: frozenset(
        {JobState.RUNNING, JobState.QUEUED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED}
    ),
    JobState.RUNNING: frozenset(JobState) - {JobState.RUNNING},
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.EXPIRED: frozenset(),
}
"""The legal moves. A final state is never left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job before its row exists: what T1 writes.

    `stream`: the answer is wanted event by event. `stored`: the client asked to keep it for the
    stored completions. `betas`: the `anthropic-beta` header, which goes on to a provider of that
    protocol. `max_cost_nanos`: the most its client lets it cost.
    """

    id: str
    account_id: str
    key_id: str
    lane: Lane
    endpoint: str
    instrument: str
    custom_id: str | None
    metadata: Mapping[str, str] | None
    on_empty: OnEmpty
    deadline_s: int
    input_tokens_max: int
    output_tokens_max: int
    fingerprint: bytes | None
    request: bytes
    stream: bool = False
    stored: bool = False
    betas: str | None = None
    max_cost_nanos: int | None = None


def written(new: NewJob, at: datetime) -> "Job":
    """Return the job as it stands right after its row was written at `at`."""
    return Job(
        id=new.id,
        account_id=new.account_id,
        lane=new.lane,
        endpoint=new.endpoint,
        instrument=new.instrument,
        state=JobState.QUEUED,
        custom_id=new.custom_id,
        metadata=new.metadata,
        created_at=at,
        deadline_at=at + timedelta(seconds=new.deadline_s),
        stream=new.stream,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job did not succeed: a code and a sentence.

    Of a provider's refusal, `cause` is the provider's own code and `param` the field it named.
    """

    code: str
    message: str
    cause: str | None = None
    param: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as its row tells it. `response` is the answer's body where one is kept.

    `retry_after_s`: when the caller of a job that could not be paid may come back.
    `partial`: a cancelled job of whose answer a part was made, which is what `response` holds.
    """

    id: str
    account_id: str
    lane: Lane
    endpoint: str
    instrument: str
    state: JobState
    reason: Reason | None = None
    custom_id: str | None
    metadata: Mapping[str, str] | None
    attempts: int = 0
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    deadline_at: datetime
    cancel_requested_at: datetime | None = None
    usage: Usage | None = None
    cost_nanos: int | None = None
    status_code: int | None = None
    error: JobError | None = None
    response: bytes | None = None
    stream: bool = False
    retry_after_s: float | None = None
    partial: bool = False

    @property
    def is_final(self) -> bool:
        """True when nothing about the job will change any more."""
        return self.state in FINAL
