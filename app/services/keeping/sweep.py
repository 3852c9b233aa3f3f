"""Find what was forgotten: lost nudges, lapsed leases, passed deadlines, old bodies."""

from typing import Final

from prometheus_client import Counter

from app.domain.job import FINAL, Lane
from app.gateway import Gateway
from app.store import money, queue
from app.store import purge as old
from app.store.engine import again, statement, transaction

ROWS_MAX: Final = 500
"""Rows one step touches; what is left comes with the next tick."""

STALE_FACTOR: Final = 12
"""While its queue is not empty, a nudge counts as lost only after so many times the usual age."""

IDEMPOTENCY_S: Final = 86_400
DAY_S: Final = 86_400

_rerung = Counter("busbar_nudges_forgotten_total", "Nudges nobody answered, taken back.", ["lane"])
_lost = Counter("busbar_leases_lapsed_total", "Jobs taken from workers that went quiet.")


def sweep(gateway: Gateway) -> int:
    """Recover, expire and re-ring; return how many jobs were moved. Safe to repeat at any time."""
    return _recover(gateway) + _expire(gateway) + sum(_forget(gateway, lane) for lane in Lane)


def purge(gateway: Gateway) -> int:
    """Delete bodies and idempotency keys past their age; return how many."""
    with statement(gateway.engine) as conn:
        return old.purge(
            conn,
            payload_s=gateway.settings.payload_days * DAY_S,
            idempotency_s=IDEMPOTENCY_S,
            limit=ROWS_MAX,
        )


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
    depth = gateway.broker.depth(lane)
    factor = 1 if not depth else STALE_FACTOR
    with statement(gateway.engine) as conn:
        forgotten = queue.forget_nudges(
            conn, lane, older_s=gateway.settings.nudge_stale_s * factor, limit=ROWS_MAX
        )
    _rerung.labels(lane).inc(forgotten)
    return forgotten
