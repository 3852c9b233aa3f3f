"""The native job API: what is submitted, and the job object that comes back."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from app.domain.dialect import OF_ENDPOINT
from app.domain.errors import InvalidRequest
from app.domain.job import Job
from app.domain.money import format_dollars
from app.wire.errors import reply_of_code
from app.wire.faults import Found, faults_of, refusal
from app.wire.metadata import Metadata, storable

JOBS_MAX: Final = 1_000
DEADLINE_MAX_S: Final = 604_800

MAX_COST_CHARACTERS: Final = 21
"""Ten digits, a point and nine decimals, and one to be told that it is too much."""

_Text64 = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(storable)]


class JobRequest(BaseModel):
    """One job as a client submits it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    endpoint: Literal["/v1/chat/completions", "/v1/messages"]
    body: dict[str, Any]
    custom_id: _Text64 | None = None
    metadata: Metadata | None = None
    deadline_s: Annotated[int, Field(ge=1, le=DEADLINE_MAX_S)] | None = None
    max_cost: Annotated[str, Field(max_length=MAX_COST_CHARACTERS)] | None = None


def entries(body: Mapping[str, Any]) -> list[Any]:
    """Return what stands in `{"jobs": […]}`.

    Raises InvalidRequest when there is no such list, or too long a one.
    """
    listed = body.get("jobs")
    if not isinstance(listed, list) or not listed:
        raise InvalidRequest("jobs: must be a list of at least one job", param="jobs")
    if len(listed) > JOBS_MAX:
        message = f"jobs: at most {JOBS_MAX} jobs in one request, not {len(listed)}"
        raise InvalidRequest(message, param="jobs")
    if unknown := sorted(set(body) - {"jobs"}):
        raise InvalidRequest(f"{unknown[0]}: is not known beside `jobs`", param=unknown[0])
    return listed


def read(entry: object, *, index: int | None) -> tuple[JobRequest | None, list[Found]]:
    """Return the job and its faults.

    With faults the job is what it asks for besides them, so that its body can be looked at too;
    None where even that cannot be told.
    """
    try:
        return JobRequest.model_validate(entry), []
    except ValidationError as error:
        return _core(entry), faults_of(error, index=index)


def _core(entry: object) -> JobRequest | None:
    if not isinstance(entry, dict):
        return None
    try:
        return JobRequest.model_validate(
            {name: entry[name] for name in ("endpoint", "body") if name in entry}
        )
    except ValidationError:
        return None


def refuse(found: Sequence[Found]) -> None:
    """Raise for everything found, if anything was."""
    if found:
        raise refusal(found)


def view(job: Job) -> dict[str, Any]:
    """Return the job object."""
    return {
        "id": job.id,
        "object": "job",
        "status": job.state.value,
        "reason": job.reason.value if job.reason else None,
        "endpoint": job.endpoint,
        "instrument": job.instrument,
        "custom_id": job.custom_id,
        "metadata": dict(job.metadata or {}),
        "created_at": _time(job.created_at),
        "started_at": _time(job.started_at),
        "finished_at": _time(job.finished_at),
        "deadline_at": _time(job.deadline_at),
        "cancel_requested_at": _time(job.cancel_requested_at),
        "attempts": job.attempts,
        "usage": _usage(job),
        "cost": format_dollars(job.cost_nanos) if job.cost_nanos is not None else None,
        "partial": job.partial,
        "response": _response(job),
        "error": {"code": job.error.code, "message": job.error.message} if job.error else None,
        "urls": {
            "self": f"/v1/jobs/{job.id}",
            "cancel": f"/v1/jobs/{job.id}/cancel",
            "stream": f"/v1/jobs/{job.id}/stream",
        },
    }


def list_page(jobs: Sequence[Job], *, has_more: bool) -> dict[str, Any]:
    """Return a list page in the form the vendors' SDKs page through."""
    return {
        "object": "list",
        "data": [view(job) for job in jobs],
        "has_more": has_more,
        "first_id": jobs[0].id if jobs else None,
        "last_id": jobs[-1].id if jobs else None,
    }


def _usage(job: Job) -> dict[str, int] | None:
    if job.usage is None:
        return None
    return {
        "input_tokens": job.usage.input_tokens,
        "output_tokens": job.usage.output_tokens,
        "cached_tokens": job.usage.cached_tokens,
        "reasoning_tokens": job.usage.reasoning_tokens,
    }


def _response(job: Job) -> dict[str, Any] | None:
    if job.response is not None:
        return {"status_code": job.status_code, "body": json.loads(job.response)}
    if job.error is not None and job.status_code is not None:
        told = reply_of_code(
            job.error.code,
            job.error.message,
            OF_ENDPOINT[job.endpoint],
            param=job.error.param,
            cause=job.error.cause,
            status=job.status_code,
        )
        return {"status_code": told.status, "body": told.body}
    return None


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
