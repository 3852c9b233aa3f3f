"""A client closed its stream before the end: tell whoever carries its job."""

from app.domain.job import JobState
from app.gateway import Gateway
from app.store import jobs, money
from app.store.engine import again, transaction


def leave(gateway: Gateway, account_id: str, job_id: str) -> None:
    """Mark a job whose only listener is gone.

    One that does not run yet is cancelled. What becomes of one that runs is its provider's
    `on_disconnect`: its worker sees the mark within a second or so.
    """

    def write() -> JobState | None:
        with transaction(gateway.engine) as conn:
            state = jobs.leave(conn, account_id, job_id)
            if state is JobState.CANCELLED:
                money.release(conn, [job_id])
            return state

    if again(write) is JobState.CANCELLED:
        gateway.broker.publish_results([job_id])
