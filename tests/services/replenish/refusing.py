"""How a start without balance ends for its caller."""

from app.domain.job import OnEmpty
from app.gateway import Gateway
from app.services.start import start
from tests.factories import WORKER, Customer, make_job, read_job


def refused(
    gateway: Gateway, customer: Customer, **options: object
) -> tuple[int | None, str, float | None]:
    """Return how a caller's job ends right away: status, code, and when to come back."""
    job_id = make_job(gateway, customer, on_empty=OnEmpty.FAIL, **options)
    assert start(gateway, [job_id], WORKER).ended == (job_id,)
    job = read_job(gateway, customer, job_id)
    assert job.error is not None
    return job.status_code, job.error.code, job.retry_after_s
