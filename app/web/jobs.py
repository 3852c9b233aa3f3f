"""The native job API: submit one or many, show, list, cancel."""

import json
from typing import Any, Final

import falcon

from app.domain.errors import BusbarError, Fault, InvalidRequest, OutOfRange
from app.domain.job import JobState, Lane, NewJob, OnEmpty
from app.services import cancel as cancelling
from app.services import read
from app.services.accounts import Caller
from app.services.draft import draft, fingerprint
from app.services.submit import Submission
from app.web import requests
from app.web.desk import Desk
from app.web.usage.marks import mark_job
from app.wire import strict_json
from app.wire.faults import Found
from app.wire.native import job as native_job
from app.wire.native.job import JobRequest
from app.wire.surface import CHAT, SURFACES

IDS_MAX: Final = 100


class Jobs:
    """/v1/jobs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Submit one job, or `{"jobs": […]}`: all of them, or none and every fault."""
        caller = requests.caller(self._desk, req)
        raw = requests.body(self._desk, req)
        body = strict_json.parse_object(raw)
        many = "jobs" in body
        new = self._drafts(caller, body) if many else [self._draft(caller, body)]
        submission = Submission(
            key_id=caller.key_id,
            fingerprint=fingerprint("/v1/jobs", raw),
            idempotency_key=requests.idempotency_key(req),
            is_retry=False,
            jobs=tuple(new),
        )
        granted = self._desk.limits.submit(resp, CHAT, caller, submission)
        submitted = self._desk.submit(submission)
        if submitted.replayed:
            granted.attached()
            resp.set_header("idempotent-replayed", "true")
        jobs = submitted.jobs or read.by_ids(
            self._desk.gateway, caller.account_id, submitted.job_ids
        )
        resp.status = falcon.HTTP_202
        if many:
            resp.media = native_job.list_page(jobs, has_more=False)
        else:
            resp.set_header("Location", f"/v1/jobs/{jobs[0].id}")
            mark_job(resp, jobs[0])
            resp.media = native_job.view(jobs[0])

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """List jobs, newest first; or those of `ids`, in that order and with their answers."""
        caller = requests.caller(self._desk, req)
        gateway = self._desk.gateway
        if req.has_param("ids"):
            ids = (requests.text(req, "ids") or "").split(",")
            if len(ids) > IDS_MAX:
                raise InvalidRequest(f"ids: at most {IDS_MAX} at once", param="ids")
            found = read.by_ids(gateway, caller.account_id, ids)
            resp.media = native_job.list_page(found, has_more=False)
            return
        jobs, has_more = read.page(
            gateway,
            caller.account_id,
            state=_state(req),
            custom_id=requests.text(req, "custom_id"),
            after=requests.text(req, "after"),
            limit=requests.limit(req),
        )
        resp.media = native_job.list_page(jobs, has_more=has_more)

    def _draft(self, caller: Caller, body: dict[str, Any]) -> NewJob:
        new, found = self._drafted(caller, body, Lane.INTERACTIVE, index=None)
        native_job.refuse(found)
        return new[0]

    def _drafts(self, caller: Caller, body: dict[str, Any]) -> list[NewJob]:
        new: list[NewJob] = []
        found: list[Found] = []
        for index, entry in enumerate(native_job.entries(body)):
            more, wrong = self._drafted(caller, entry, Lane.BATCH, index=index)
            new += more
            found += wrong
        native_job.refuse(found)
        return new

    def _drafted(
        self, caller: Caller, entry: Any, lane: Lane, *, index: int | None
    ) -> tuple[list[NewJob], list[Found]]:
        """Return the job that is asked for, unless something around or within its body is wrong."""
        wanted, found = native_job.read(entry, index=index)
        if wanted is None:
            return [], found
        try:
            new = _job(self._desk, caller, wanted, entry["body"], lane)
        except BusbarError as error:
            if index is None and not found:
                raise
            return [], [*found, *_indexed(error, index)]
        return [new], found


class Job:
    """/v1/jobs/{id}."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_get(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Show a job; `?wait=N` answers as soon as it is final, at the latest after N seconds."""
        caller = requests.caller(self._desk, req)
        wait_s = requests.wait_s(req)
        job = self._desk.read(caller.account_id, job_id)
        if wait_s and not job.is_final:
            with self._desk.limits.wait(resp, caller):
                job = self._desk.waiting(job.id).until_final(caller.account_id, wait_s)
        mark_job(resp, job)
        resp.media = native_job.view(job)


class Cancel:
    """/v1/jobs/{id}/cancel."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_post(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Cancel a job: at once while it waits, through its worker while it runs."""
        caller = requests.caller(self._desk, req)
        known = self._desk.read(caller.account_id, job_id).id
        cancelling.cancel(
            self._desk.gateway,
            caller,
            known,
            idempotency_key=requests.idempotency_key(req),
            fingerprint=fingerprint(req.path, requests.body(self._desk, req)),
        )
        job = self._desk.read(caller.account_id, known)
        mark_job(resp, job)
        resp.media = native_job.view(job)


def _job(
    desk: Desk, caller: Caller, wanted: JobRequest, body: dict[str, Any], lane: Lane
) -> NewJob:
    return draft(
        desk.gateway,
        caller,
        SURFACES[wanted.endpoint],
        body,
        raw=json.dumps(body, separators=(",", ":")).encode(),
        lane=lane,
        on_empty=OnEmpty.WAIT,
        deadline_s=wanted.deadline_s,
        max_cost=wanted.max_cost,
        custom_id=wanted.custom_id,
        metadata=wanted.metadata,
    )


def _indexed(error: BusbarError, index: int | None) -> list[Found]:
    """Give the faults of one job of many the job's index."""
    in_range = isinstance(error, OutOfRange)
    faults = error.faults or (Fault(where=error.param or "body", what=error.message),)
    return [(Fault(where=f.where, what=f.what, index=index), in_range) for f in faults]


def _state(req: falcon.Request) -> JobState | None:
    text = req.get_param("status")
    if text is None:
        return None
    try:
        return JobState(text)
    except ValueError:
        states = ", ".join(JobState)
        raise InvalidRequest(f"status: must be one of {states}", param="status") from None
