"""What the engine makes of a job, for its provider; and of a call it gives up itself."""

from app.domain.attempt import Failure, FailureKind
from app.domain.dialect import OF_ENDPOINT
from app.providers.base import Call
from app.services.start import Started


def call_of(job: Started, *, created: int, timeout_s: float) -> Call:
    """Return the call of a job's attempt; `created` is now, in Unix seconds."""
    return Call(
        job_id=job.id,
        attempt=job.attempt,
        dialect=OF_ENDPOINT[job.endpoint],
        instrument=job.instrument,
        model=job.route.model,
        reasoning=job.route.reasoning,
        request=job.request,
        betas=job.betas,
        created=created,
        input_tokens_max=job.input_tokens_max,
        output_tokens_max=job.output_tokens_max,
        timeout_s=timeout_s,
    )


def failure(symbol: str, message: str) -> Failure:
    """Return how a call ended that the engine gave up itself; another one may follow."""
    return Failure(kind=FailureKind.RETRYABLE, symbol=symbol, message=message)
