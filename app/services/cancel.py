"""Cancel a job: at once while it waits, through its worker while it runs."""

from app.domain.errors import NotFound
from app.domain.job import JobState
from app.gateway import Gateway
from app.services.accounts import Caller
from app.services.submit import claim_key
from app.store import jobs, money
from app.store.engine import again, transaction
from app.store.submissions import Claim


def cancel(
    gateway: Gateway,
    caller: Caller,
    job_id: str,
    *,
    idempotency_key: str | None = None,
    fingerprint: bytes = b"",
) -> None:
    """Cancel a job; a final one stays as it is, so that the call may be repeated.

    Raises NotFound when the account has no such job, and IdempotencyMismatch when the key was
    used with another request.
    """
    if idempotency_key is not None:
        claim = Claim(
            key_id=caller.key_id,
            idempotency_key=idempotency_key,
            fingerprint=fingerprint,
            job_ids=(job_id,),
        )
        claim_key(gateway, claim)

    def write() -> JobState | None:
        with transaction(gateway.engine) as conn:
            state = jobs.cancel(conn, caller.account_id, job_id)
            if state is JobState.CANCELLED:
                money.release(conn, [job_id])
            return state

    state = again(write)
    if state is None:
        raise NotFound(f"No job {job_id!r}.", param="id")
    if state is JobState.CANCELLED:
        gateway.broker.publish_results([job_id])
