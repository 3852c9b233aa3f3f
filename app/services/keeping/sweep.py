"""Find what was forgotten: lost nudges, lapsed leases, passed deadlines, new money, old bodies."""

from datetime import timedelta
from typing import Final

from prometheus_client import Counter

from app.domain.ids import ENTROPY_BYTES, new_id
from app.domain.job import FINAL, Lane
from app.gateway import Gateway
from app.services.keeping.rounds import rounds
from app.services.keeping.wake import wake
from app.store import money, queue
from app.store.engine import again, statement, transaction
from app.store.keeping import purge as old

ROWS_MAX: Final = 500
"""Rows one step touches; what is left comes with the next tick."""

STALE_FACTOR: Final = 12
"""While the batch queue is not empty, a nudge on it counts as lost only after so many times the
usual age: it stands behind others. Nobody on the interactive queue should stand that long."""

IDEMPOTENCY_S: Final = 86_400

_rerung = Counter("busbar_nudges_forgotten_total", "Nudges nobody answered, taken back.", ["lane"])
_lost = Counter("busbar_leases_lapsed_total", "Jobs taken from workers that went quiet.")


def sweep(gateway: Gateway) -> int:
    """Recover, expire, re-ring, wake; return how many jobs were moved. Deletes what is old, too.

    Safe to repeat at any time. Each step is bounded; what is left comes with the next tick.
    """
    moved = _recover(gateway) + _expire(gateway) + sum(_forget(gateway, lane) for lane in Lane)
    moved += wake(gateway)
    purge(gateway)
    return moved


def purge(gateway: Gateway) -> int:
    """Delete a step's worth of bodies and idempotency keys past their age; return how many."""
    standing = rounds(gateway)
    made = gateway.now() - timedelta(days=gateway.settings.payload_days)
    before = new_id("job", made, bytes(ENTROPY_BYTES))
    with statement(gateway.engine) as conn:
        gone, go_on = old.bodies(conn, after=standing.body, before=before)
        standing.body = go_on or ""
        return gone + old.keys(conn, older_s=IDEMPOTENCY_S)


def _recover(gateway: Gateway) -> int:
    def write() -> list[queue.Moved]:
        with transaction(gateway.engine) as conn:
            moved = queue.recover_lapsed(conn, ROWS_MAX)
            money.release(conn, [job.id for job in moved if job.state in FINAL])
            return moved

    moved = again(write)
    _lost.inc(len(moved))
    gateway.broker.publish_results([job.id for job in moved if job.state in FINAL])
    return len(moved)


def _expire(gateway: Gateway) -> int:
    def write() -> list[queue.Moved]:
        with transaction(gateway.engine) as conn:
            moved = queue.expire(conn, ROWS_MAX)
            money.release(conn, [job.id for job in moved])
            return moved

    moved = again(write)
    gateway.broker.publish_results([job.id for job in moved])
    return len(moved)


def _forget(gateway: Gateway, lane: Lane) -> int:
    stands_in_line = lane is Lane.BATCH and gateway.broker.depth(lane)
    factor = STALE_FACTOR if stands_in_line else 1
    with statement(gateway.engine) as conn:
        forgotten = queue.forget_nudges(
            conn, lane, older_s=gateway.settings.nudge_stale_s * factor, limit=ROWS_MAX
        )
    _rerung.labels(lane).inc(forgotten)
    return forgotten
