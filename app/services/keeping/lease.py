"""What a worker asks about the jobs in its hands: extend them, who must stop, what is due."""

from collections.abc import Sequence

from app.domain.job import Lane
from app.gateway import Gateway
from app.store import leases, queue
from app.store.engine import statement, transaction


def extend(gateway: Gateway, in_flight: Sequence[tuple[str, int]]) -> set[str]:
    """Extend the leases of (job id, attempt) pairs; return the ids that another worker has now."""
    if not in_flight:
        return set()
    with transaction(gateway.engine) as conn:
        return leases.extend(conn, in_flight, gateway.settings.lease_s)


def unwanted(gateway: Gateway, worker_id: str) -> tuple[list[str], list[str]]:
    """Return the jobs of this worker that somebody cancelled, and those whose client left."""
    with statement(gateway.engine) as conn:
        return leases.unwanted(conn, worker_id, grace_s=gateway.settings.leave_grace_s)


def due(gateway: Gateway, lane: Lane, limit: int) -> list[str]:
    """Return due jobs straight from Postgres: the way on while the bus is away."""
    with statement(gateway.engine) as conn:
        return queue.due(conn, lane, limit)
