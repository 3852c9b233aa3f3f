"""POST /v1/chat/completions: submit, wait, answer; or 202 for those who asked for it."""

from typing import Final

import falcon

from app.domain.errors import WaitTimedOut
from app.domain.job import Job, JobState, Lane, NewJob, OnEmpty
from app.services.accounts import Caller
from app.services.draft import draft, fingerprint
from app.services.submit import Submission
from app.web import requests
from app.web.desk import Desk
from app.wire import errors, prefer, strict_json
from app.wire.native import job as native_job
from app.wire.openai import chat
from app.wire.prefer import Prefer

POLL_S: Final = 1
"""What a 202 suggests as Retry-After."""


class ChatCompletions:
    """The compatible path. A 202 is given only to `Prefer: respond-async`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the completion, or with the job."""
        caller = requests.caller(self._desk, req)
        raw = requests.body(self._desk, req)
        wanted = prefer.read(req.get_header("Prefer"))
        mark = fingerprint(chat.ENDPOINT, raw)
        new = draft(
            self._desk.gateway,
            caller,
            strict_json.parse_object(raw),
            raw=raw,
            lane=Lane.INTERACTIVE,
            on_empty=OnEmpty.WAIT if wanted.respond_async else OnEmpty.FAIL,
            fingerprint=mark,
        )
        submission = Submission(
            key_id=caller.key_id,
            fingerprint=mark,
            idempotency_key=requests.idempotency_key(req),
            is_retry=requests.is_retry(req),
            jobs=(new,),
        )
        job, replayed = self._carry(caller, submission, new, self._wait_s(wanted))
        if replayed:
            resp.set_header("idempotent-replayed", "true")
        _show(job, wanted, resp)

    def _wait_s(self, wanted: Prefer) -> float:
        if wanted.respond_async:
            return float(wanted.wait_s or 0)
        longest = self._desk.gateway.settings.sync_wait_s
        return longest if wanted.wait_s is None else min(wanted.wait_s, longest)

    def _carry(
        self, caller: Caller, submission: Submission, new: NewJob, wait_s: float
    ) -> tuple[Job, bool]:
        if not wait_s:
            return self._accept(caller, submission)
        waiting = self._desk.waiting(new.id)
        try:
            submitted = self._desk.submit(submission)
            if not submitted.replayed:
                job = waiting.until_final(caller.account_id, wait_s, look_first=False)
                return job, False
        finally:
            waiting.close()
        earlier = self._desk.waiting(submitted.job_ids[0])
        return earlier.until_final(caller.account_id, wait_s), True

    def _accept(self, caller: Caller, submission: Submission) -> tuple[Job, bool]:
        submitted = self._desk.submit(submission)
        if submitted.replayed:
            return self._desk.read(caller.account_id, submitted.job_ids[0]), True
        return submitted.jobs[0], False


def _show(job: Job, wanted: Prefer, resp: falcon.Response) -> None:
    resp.set_header("x-busbar-job-id", job.id)
    if not job.is_final and not wanted.respond_async:
        raise WaitTimedOut(f"The job {job.id} is still running: GET /v1/jobs/{job.id}?wait=60.")
    if not job.is_final or (wanted.respond_async and wanted.wait_s is None):
        resp.status = falcon.HTTP_202
        resp.set_header("Location", f"/v1/jobs/{job.id}")
        resp.set_header("Preference-Applied", wanted.applied)
        resp.set_header("Retry-After", str(POLL_S))
        resp.media = native_job.view(job)
    elif job.state is JobState.SUCCEEDED:
        resp.content_type = falcon.MEDIA_JSON
        resp.data = job.response
    else:
        assert job.error is not None
        row = errors.row_of_code(job.error.code)
        resp.status = job.status_code or row.status
        resp.set_headers(errors.headers(row))
        resp.media = errors.envelope_of_code(job.error.code, job.error.message)
