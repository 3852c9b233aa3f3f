"""Answers of the native paths: jobs, balance, diagnostics, health."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.domain.job import JobState, Reason
from app.wire.native.job import JOBS_MAX, JobRequest
from app.wire.openapi.shapes.base import Dollars, Exact


class JobsRequest(BaseModel):
    """Many jobs in one request: all of them are taken, or none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jobs: list[JobRequest] = Field(min_length=1, max_length=JOBS_MAX)


class JobUsage(Exact):
    """The tokens a job took, as its provider reported them."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int


class JobResponse(Exact):
    """The answer as its surface would have given it."""

    status_code: int
    body: dict[str, Any]


class JobFailure(Exact):
    """Why a job did not succeed."""

    code: str
    message: str


class JobUrls(Exact):
    """Where more is to be had."""

    here: str = Field(alias="self")
    cancel: str
    stream: str


class Job(Exact):
    """One request of a client, on its way or answered."""

    id: str
    object: Literal["job"]
    status: JobState
    reason: Reason | None
    """Why a waiting job waits."""
    endpoint: Literal["/v1/chat/completions", "/v1/messages"]
    instrument: str
    custom_id: str | None
    metadata: dict[str, str]
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    deadline_at: AwareDatetime
    """When the job expires unless it has ended."""
    cancel_requested_at: AwareDatetime | None
    """When somebody asked for its end; a running job's worker lets go within a second or so."""
    attempts: int
    """Provider calls so far."""
    usage: JobUsage | None
    cost: Dollars | None
    partial: bool
    """The answer was cut short, by leaving its stream or by cancelling it; what was made by then is
    the response, and costs what it is estimated at."""
    response: JobResponse | None
    error: JobFailure | None
    urls: JobUrls


class JobPage(Exact):
    """A page of jobs."""

    object: Literal["list"]
    data: list[Job]
    has_more: bool
    first_id: str | None
    last_id: str | None


class LotTokens(Exact):
    """Tokens of one instrument, input and output alike."""

    total: int
    remaining: int
    """What new jobs may still draw."""


class BalanceLot(Exact):
    """One credit, with its own expiry."""

    id: str
    source: str
    amount: Dollars
    used: Dollars
    held: Dollars
    remaining: Dollars
    """What new jobs may still draw."""
    expired: Dollars
    """What was left, and not held, when it expired."""
    expires_at: AwareDatetime | None
    instrument: str | None
    """The only instrument it pays for; null for any."""
    tokens: LotTokens | None
    """Of a lot of tokens, which were bought together at its amount; null for a lot of money."""


class Balance(Exact):
    """What an account has, in US dollars."""

    object: Literal["balance"]
    account: str
    currency: Literal["USD"]
    available: Dollars
    held: Dollars
    """Set aside for jobs that have not ended."""
    spent: Dollars
    """What jobs cost."""
    adjusted: Dollars
    """What the operator took back. The five amounts together are all that was ever credited."""
    expired: Dollars
    """What lots had left when they expired."""
    next_expiry: AwareDatetime | None
    """When the next lot with something left expires."""
    lots: list[BalanceLot]


class DiagnosticsCheck(Exact):
    """One step of the caller's path."""

    name: str
    status: Literal["ok", "warn", "fail"]
    code: str
    detail: str
    next_action: str | None


class Diagnostics(Exact):
    """The caller's path, checked; its status is that of its worst check."""

    object: Literal["diagnostics"]
    status: Literal["ok", "warn", "fail"]
    checks: list[DiagnosticsCheck]


class Hello(Exact):
    """Somebody is here."""

    service: Literal["busbar"]
    status: Literal["ok"]


class Alive(Exact):
    """The process answers."""

    status: Literal["ok"]


class HealthChecks(Exact):
    """`ok`, or what is wrong."""

    postgres: str
    schema_: str = Field(alias="schema")
    redis: str


class Readiness(Exact):
    """Whether requests can be served; `degraded` without Redis, which costs time and no job."""

    status: Literal["ok", "degraded", "unready"]
    checks: HealthChecks
