"""POST a request of either surface: submit, wait, answer; or 202 for those who asked for it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Final

import falcon

from app.domain.dialect import OF_ENDPOINT
from app.domain.errors import NotFound, RateLimited, WaitTimedOut
from app.domain.job import Job, JobState, Lane, NewJob, OnEmpty
from app.services.accounts import Caller
from app.services.draft import draft, fingerprint
from app.services.limiting import refusals
from app.services.limiting.gate import Grant
from app.services.streaming.follow import EndedOtherwise
from app.services.streaming.leave import leave
from app.services.submit import Submission, Submitted
from app.web import requests
from app.web.desk import Desk
from app.web.failing import refuse
from app.web.streaming import Stream
from app.web.usage.marks import mark, mark_job
from app.wire import prefer, strict_json
from app.wire.native import job as native_job
from app.wire.prefer import Prefer
from app.wire.surface import Surface

POLL_S: Final = 1
"""What a 202 suggests as Retry-After."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    """One request on its way: who asks, for what, and how the answer is wanted.

    `with_usage`: a chat stream's usage is wanted as a chunk of its own.
    """

    caller: Caller
    new: NewJob
    submission: Submission
    wanted: Prefer
    with_usage: bool


class Completions:
    """The compatible path of a surface. A 202 is given only to `Prefer: respond-async`."""

    def __init__(self, desk: Desk, surface: Surface) -> None:
        self._desk = desk
        self._surface = surface

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with the completion, or with the job."""
        asking = self._take(req)
        with self._admitted(asking, resp) as granted:
            if asking.new.stream and not asking.wanted.respond_async:
                self._stream(asking, granted, req, resp)
                return
            job, replayed = self._carry(asking, granted, self._wait_s(req, asking.wanted))
            if replayed:
                resp.set_header("idempotent-replayed", "true")
            if not job.is_final and not asking.wanted.respond_async:
                leave(self._desk.gateway, job.account_id, job.id)
            _show(job, asking.wanted, resp)

    @contextmanager
    def _admitted(self, asking: _Asking, resp: falcon.Response) -> Iterator[Grant]:
        """Let a call past the limits. Raises RateLimited: it has no job to come again to."""
        limits = self._desk.limits
        wanted = asking.wanted
        enter = limits.submit if wanted.respond_async and not wanted.wait_s else limits.call
        with ExitStack() as entered:
            try:
                granted = entered.enter_context(
                    enter(resp, self._surface, asking.caller, asking.submission)
                )
            except RateLimited:
                if not (asking.submission.is_retry or asking.submission.idempotency_key):
                    refusals.note(self._desk.gateway, asking.submission)
                raise
            yield granted

    def _submit(self, asking: _Asking, granted: Grant) -> Submitted:
        submitted = self._desk.submit(asking.submission)
        if submitted.replayed:
            granted.attached()
        return submitted

    def _take(self, req: falcon.Request) -> _Asking:
        caller = requests.caller(self._desk, req)
        raw = requests.body(self._desk, req)
        wanted = prefer.read(req.get_header("Prefer"))
        mark = fingerprint(self._surface.endpoint, raw)
        body = strict_json.parse_object(raw)
        new = draft(
            self._desk.gateway,
            caller,
            self._surface,
            body,
            raw=raw,
            lane=Lane.INTERACTIVE,
            on_empty=OnEmpty.WAIT if wanted.respond_async else OnEmpty.FAIL,
            fingerprint=mark,
            betas=requests.api_headers(req),
            max_cost=req.get_header("x-busbar-max-cost"),
        )
        submission = Submission(
            key_id=caller.key_id,
            fingerprint=mark,
            idempotency_key=requests.idempotency_key(req),
            is_retry=requests.is_retry(req),
            jobs=(new,),
        )
        marked_only = submission.is_retry and submission.idempotency_key is None
        if marked_only and refusals.take(self._desk.gateway, submission):
            submission = replace(submission, is_retry=False)
        options = body.get("stream_options")
        with_usage = isinstance(options, dict) and options.get("include_usage") is True
        return _Asking(
            caller=caller, new=new, submission=submission, wanted=wanted, with_usage=with_usage
        )

    def _stream(
        self, asking: _Asking, granted: Grant, req: falcon.Request, resp: falcon.Response
    ) -> None:
        """Answer with a stream; an ordinary error as long as nothing was sent."""
        following = self._desk.follow(asking.new.id, with_usage=asking.with_usage)
        try:
            submitted = self._submit(asking, granted)
        except BaseException:
            following.close()
            raise
        if submitted.replayed:
            following.close()
            following = self._desk.follow(submitted.job_ids[0], with_usage=asking.with_usage)
            following.look_now()
            resp.set_header("idempotent-replayed", "true")
        resp.set_header("x-busbar-job-id", following.job_id)
        mark(resp, following.job_id)
        stream = Stream(
            self._desk,
            following,
            account_id=asking.caller.account_id,
            dialect=OF_ENDPOINT[self._surface.endpoint],
            request_id=req.context.request_id,
        )
        try:
            stream.answer(resp)
        except EndedOtherwise as ended:
            mark_job(resp, ended.job)
            refuse(ended.job, resp)

    def _wait_s(self, req: falcon.Request, wanted: Prefer) -> float:
        if wanted.respond_async:
            return float(wanted.wait_s or 0)
        longest = requests.patience_s(self._desk, req)
        return longest if wanted.wait_s is None else min(wanted.wait_s, longest)

    def _carry(self, asking: _Asking, granted: Grant, wait_s: float) -> tuple[Job, bool]:
        if not wait_s:
            return self._accept(asking, granted)
        account_id = asking.caller.account_id
        waiting = self._desk.waiting(asking.new.id)
        try:
            submitted = self._submit(asking, granted)
            if not submitted.replayed:
                return waiting.until_final(account_id, wait_s, look_first=False), False
        finally:
            waiting.close()
        earlier = self._desk.waiting(submitted.job_ids[0])
        return earlier.until_final(account_id, wait_s), True

    def _accept(self, asking: _Asking, granted: Grant) -> tuple[Job, bool]:
        submitted = self._submit(asking, granted)
        if submitted.replayed:
            return self._desk.read(asking.caller.account_id, submitted.job_ids[0]), True
        return submitted.jobs[0], False


def _show(job: Job, wanted: Prefer, resp: falcon.Response) -> None:
    resp.set_header("x-busbar-job-id", job.id)
    mark_job(resp, job)
    if not job.is_final and not wanted.respond_async:
        raise WaitTimedOut(f"The job {job.id} is still running: GET /v1/jobs/{job.id}?wait=60.")
    if not job.is_final or (wanted.respond_async and wanted.wait_s is None):
        resp.status = falcon.HTTP_202
        resp.set_header("Location", f"/v1/jobs/{job.id}")
        resp.set_header("Preference-Applied", wanted.applied)
        resp.set_header("Retry-After", str(POLL_S))
        resp.media = native_job.view(job)
    elif job.state is JobState.SUCCEEDED:
        if job.response is None:
            raise NotFound(f"The answer of the job {job.id} was deleted, or is not kept any more.")
        resp.content_type = falcon.MEDIA_JSON
        resp.data = job.response
    else:
        refuse(job, resp)
