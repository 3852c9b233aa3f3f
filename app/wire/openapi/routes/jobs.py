"""The native job API."""

from typing import Final

from app.domain.dialect import Dialect
from app.domain.errors import (
    DeadlinePassed,
    IdempotencyMismatch,
    InsufficientBalance,
    JobCancelled,
    ModelNotFound,
    NotFound,
    OutOfRange,
    ProviderRejected,
    ProviderUnavailable,
    RateLimited,
    RequestTooLarge,
    StreamInterrupted,
    WorkerLost,
)
from app.domain.job import JobState
from app.wire.native.job import JobRequest
from app.wire.openapi import samples
from app.wire.openapi.parameters import (
    ASKED,
    CHAT_LIMITS,
    IDEMPOTENCY_KEY,
    JOB_ID,
    LIMIT,
    RECEIPT_HEADERS,
    SENT,
)
from app.wire.openapi.route import EVENTS, Answer, Body, Content, Parameter, Route
from app.wire.openapi.shapes.native import Job, JobPage, JobsRequest

_GROUP: Final = "Jobs"
_SHOWN: Final = Answer(
    text="The job.",
    contents=(
        Content(shapes=(Job,), examples={"succeeded": samples.SUCCEEDED, "queued": samples.QUEUED}),
    ),
    headers=RECEIPT_HEADERS,
)

SUBMIT: Final = Route(
    method="POST",
    path="/v1/jobs",
    name="submit_jobs",
    group=_GROUP,
    title="Submit one job, or many",
    text="A job is a request of either surface that nobody waits for. An empty balance does not "
    'fail it: it waits. Of `{"jobs": […]}` all are taken, or none, and every fault is told.',
    parameters=(IDEMPOTENCY_KEY,),
    body=Body(
        shapes=(JobRequest, JobsRequest),
        text="One job, or up to 1,000 of them.",
        examples={"one": samples.JOB_REQUEST, "many": {"jobs": [samples.JOB_REQUEST]}},
    ),
    answers=(
        Answer(
            status=202,
            text="The job, or a list of the jobs in the order they were sent.",
            contents=(
                Content(
                    shapes=(Job, JobPage),
                    examples={"one": samples.QUEUED, "many": samples.JOB_PAGE},
                ),
            ),
            headers=("Location", "idempotent-replayed", *RECEIPT_HEADERS, *CHAT_LIMITS),
        ),
    ),
    errors=(*SENT, OutOfRange, ModelNotFound, NotFound, IdempotencyMismatch, RateLimited),
)
LIST: Final = Route(
    method="GET",
    path="/v1/jobs",
    name="list_jobs",
    group=_GROUP,
    title="List jobs",
    text="Newest first, without answers; or those of `ids`, in that order and with their answers.",
    parameters=(
        Parameter(
            name="status",
            where="query",
            text="Only those in this state.",
            schema={"type": "string", "enum": list(JobState)},
        ),
        Parameter(
            name="custom_id",
            where="query",
            text="Only those with this id of yours.",
            schema={"type": "string"},
        ),
        Parameter(
            name="after",
            where="query",
            text="The id of the last job of the page before.",
            schema={"type": "string"},
        ),
        LIMIT,
        Parameter(
            name="ids",
            where="query",
            text="Up to 100 ids with commas between them; the other parameters do not count then.",
            schema={"type": "string"},
            example=JOB_ID.example,
        ),
    ),
    answers=(
        Answer(
            text="A page of jobs.",
            contents=(Content(shapes=(JobPage,), examples={"plain": samples.JOB_PAGE}),),
        ),
    ),
    errors=(*ASKED, NotFound),
)
SHOW: Final = Route(
    method="GET",
    path="/v1/jobs/{job_id}",
    name="get_job",
    group=_GROUP,
    title="Show a job, or wait for it",
    text="With its answer, once there is one.",
    parameters=(
        JOB_ID,
        Parameter(
            name="wait",
            where="query",
            text="Answer as soon as the job has ended, at the latest after so many seconds.",
            schema={"type": "integer", "minimum": 0, "maximum": 60, "default": 0},
        ),
    ),
    answers=(_SHOWN,),
    errors=(*ASKED, NotFound),
)
STREAM: Final = Route(
    method="GET",
    path="/v1/jobs/{job_id}/stream",
    name="stream_job",
    group=_GROUP,
    title="Follow a job's answer",
    text="Replays what there is and follows the rest, in the events of the job's own surface. Each "
    "has its place as `id`: after a broken connection, come back with `starting_after`.",
    parameters=(
        JOB_ID,
        Parameter(
            name="starting_after",
            where="query",
            text="The `id` of the last event that was received.",
            schema={"type": "string", "pattern": "^[0-9]{1,9}(-[0-9a-f]{8})?$", "default": "0"},
        ),
    ),
    answers=(
        Answer(
            text="The events.",
            contents=(Content(media=EVENTS, examples={"chat": samples.NUMBERED_STREAM}),),
            headers=RECEIPT_HEADERS,
        ),
    ),
    errors=(
        *ASKED,
        NotFound,
        InsufficientBalance,
        DeadlinePassed,
        JobCancelled,
        WorkerLost,
        ProviderRejected,
        ProviderUnavailable,
        StreamInterrupted,
    ),
    dialects=(Dialect.CHAT, Dialect.MESSAGES),
    refusals=True,
)
CANCEL: Final = Route(
    method="POST",
    path="/v1/jobs/{job_id}/cancel",
    name="cancel_job",
    group=_GROUP,
    title="Cancel a job",
    text="At once while it waits, through its worker while it runs; a job that has ended stays as "
    "it is. No body is needed.",
    parameters=(JOB_ID, IDEMPOTENCY_KEY),
    answers=(_SHOWN,),
    errors=(*ASKED, RequestTooLarge, NotFound, IdempotencyMismatch),
)

ROUTES: Final = (SUBMIT, LIST, SHOW, STREAM, CANCEL)
