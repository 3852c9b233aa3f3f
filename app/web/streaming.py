"""An answer sent on while it is made, as server-sent events."""

import logging
from collections.abc import Iterator
from typing import Final

import falcon

from app.domain.dialect import OF_ENDPOINT, Dialect
from app.domain.errors import BusbarError
from app.services.outage import as_unavailable
from app.services.streaming.follow import EndedOtherwise, Following
from app.services.streaming.leave import attach, leave
from app.services.streaming.replay import Numbered
from app.web import requests
from app.web.desk import Desk
from app.web.failing import refuse
from app.web.usage.marks import mark, mark_job
from app.wire import errors, sse

HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Nothing between here and the client may keep frames back."""

log = logging.getLogger("busbar.web")


class Stream:
    """One stream to one client: the body of its response, which the server closes at the end.

    `numbered`: its frames say their numbers, to come back for more.

    Its client counts among those who wait for the job, and is counted out if it leaves.
    """

    def __init__(
        self,
        desk: Desk,
        following: Following,
        *,
        account_id: str,
        dialect: Dialect,
        request_id: str,
        numbered: bool = False,
    ) -> None:
        self._desk = desk
        self._following = following
        self._account_id = account_id
        self._dialect = dialect
        self._manner = sse.MANNERS[dialect]
        self._request_id = request_id
        self._numbered = numbered
        self._frames = following.frames(account_id)
        self._body: Iterator[bytes] = iter(())
        self._was_told_all = False

    def answer(self, resp: falcon.Response) -> None:
        """Wait for the first frame, but not for long; then answer with all of them.

        Raises what the job failed with, or EndedOtherwise, as long as it can be told by a status.
        """
        try:
            first = next(self._frames, None)
        except EndedOtherwise:
            self._following.close()
            raise
        except BaseException:
            self.close()
            raise
        resp.content_type = sse.CONTENT_TYPE
        resp.set_headers(HEADERS)
        self._body = self._told(first)
        resp.stream = self

    def __iter__(self) -> Iterator[bytes]:
        """Return itself: a body is read once."""
        return self

    def __next__(self) -> bytes:
        """Return what is sent next. Raises StopIteration after the end."""
        return next(self._body)

    def close(self) -> None:
        """Stop following; one who closes before the end has left."""
        # A generator's own `finally` would not run when its client leaves before the first frame.
        self._following.close()
        if not self._was_told_all:
            leave(self._desk.gateway, self._account_id, self._following.job_id)

    def _told(self, first: Numbered | None) -> Iterator[bytes]:
        try:
            yield self._shown(first)
            for each in self._frames:
                yield self._shown(each)
            yield self._manner.end
        except EndedOtherwise as ended:
            error = ended.job.error
            assert error is not None
            yield self._error(error.code, error.message, param=error.param, cause=error.cause)
        except BusbarError as error:
            yield self._error(error.code, error.message)
        except Exception as error:
            log.exception("web.stream_broke id=%s", self._request_id)
            planned = as_unavailable(error) or BusbarError()
            yield self._error(planned.code, planned.message)
        self._was_told_all = True

    def _shown(self, each: Numbered | None) -> bytes:
        if each is None:
            return self._manner.heartbeat
        return sse.numbered(each.frame, each.place) if self._numbered else each.frame

    def _error(
        self, code: str, message: str, *, param: str | None = None, cause: str | None = None
    ) -> bytes:
        """Return the frame that ends a stream badly: decoders raise at it."""
        body = errors.envelope_of_code(
            code,
            message,
            self._dialect,
            param=param,
            cause=cause,
            request_id=self._request_id,
        )
        return sse.frame(body, self._dialect)


class JobStream:
    """/v1/jobs/{id}/stream: follow an answer from anywhere, and come back for the rest."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_get(self, req: falcon.Request, resp: falcon.Response, job_id: str) -> None:
        """Send the frames after `?starting_after=ID`; each says where it is as its `id`."""
        caller = requests.caller(self._desk, req)
        after = requests.starting_after(req)
        job = self._desk.read(caller.account_id, job_id)
        with self._desk.limits.wait(resp, caller):
            attach(self._desk.gateway, caller.account_id, job.id)
            following = self._desk.follow(job.id, after=after)
            following.look_now()
            mark(resp, job.id)
            stream = Stream(
                self._desk,
                following,
                account_id=caller.account_id,
                dialect=OF_ENDPOINT[job.endpoint],
                request_id=req.context.request_id,
                numbered=True,
            )
            try:
                stream.answer(resp)
            except EndedOtherwise as ended:
                mark_job(resp, ended.job)
                refuse(ended.job, resp)
