"""The marks of an answer by which its cost is found again: on both surfaces and on native jobs."""

import falcon

from app.domain.job import Job
from app.domain.money import format_dollars
from app.domain.usage.receipt import request_id_of

REQUEST_ID: str = "x-busbar-request-id"
COST: str = "x-busbar-cost"


def mark(resp: falcon.Response, job_id: str) -> None:
    """Say under which name the receipt of a job is to be had: GET /v1/usage/{request_id}."""
    resp.set_header(REQUEST_ID, request_id_of(job_id))


def mark_job(resp: falcon.Response, job: Job) -> None:
    """Say it, and what the job cost, once that is known."""
    mark(resp, job.id)
    if job.is_final:
        resp.set_header(COST, format_dollars(job.cost_nanos or 0))
