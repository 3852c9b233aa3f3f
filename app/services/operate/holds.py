"""Open holds: which have been open for long, and the release of one that is stuck.

What is held is held by a job that goes on; deadlines and lapsed leases end such jobs by themselves.
So a hold that stays belongs to a job that somebody must look at.
"""

from collections.abc import Sequence

from app.domain.errors import NotFound, OutOfRange
from app.domain.money import format_dollars
from app.domain.usage.receipt import job_id_of
from app.gateway import Gateway
from app.services.operate.credit import wake
from app.store import money
from app.store.engine import again, statement, transaction
from app.store.operating import holds
from app.store.operating.holds import OpenHold
from app.store.records import audit


def open_holds(
    gateway: Gateway, account_id: str | None, *, older_s: float, limit: int
) -> Sequence[OpenHold]:
    """Return up to `limit` holds that have been open for `older_s`, of one account or of all."""
    with statement(gateway.engine) as conn:
        return holds.older(conn, account_id, older_s=older_s, limit=limit)


def release(gateway: Gateway, identifier: str, *, actor: str) -> OpenHold:
    """End a job as cancelled and give back what it held; return the hold as it was.

    The job is named by its id or its request's. Raises NotFound when no such job has an open hold,
    and OutOfRange while a worker carries it.
    """
    job_id = job_id_of(identifier) or ""

    def write() -> OpenHold:
        with transaction(gateway.engine) as conn:
            found = holds.lock(conn, job_id)
            if found is None:
                raise NotFound(f"No job {identifier!r} has an open hold.", param="job")
            if found.is_leased:
                raise OutOfRange(
                    f"{job_id} is carried by {found.worker_id}, whose lease lasts until "
                    f"{found.leased_until:%Y-%m-%d %H:%M:%S} UTC; its hold ends with its call.",
                    param="job",
                )
            holds.cancel(conn, job_id)
            money.release(conn, [job_id])
            audit.write(
                conn,
                gateway.new_id("aud"),
                actor=actor,
                action="holds release",
                account_id=found.account_id,
                details={
                    "job": job_id,
                    "amount": format_dollars(found.nanos),
                    "state": found.state.value,
                },
            )
            return found

    released = again(write)
    gateway.broker.publish_results([job_id])
    wake(gateway, released.account_id)
    return released
