"""A job's failure as the answer of the call that waited for it."""

import falcon

from app.domain.dialect import OF_ENDPOINT
from app.domain.job import Job
from app.wire import errors


def refuse(job: Job, resp: falcon.Response) -> None:
    """Answer with what the job failed with, on its own surface."""
    assert job.error is not None
    told = errors.reply_of_code(
        job.error.code,
        job.error.message,
        OF_ENDPOINT[job.endpoint],
        param=job.error.param,
        cause=job.error.cause,
        status=job.status_code,
        request_id=resp.get_header("request-id"),
        retry_after_s=job.retry_after_s,
    )
    resp.status = told.status
    resp.set_headers(told.headers)
    resp.media = told.body
