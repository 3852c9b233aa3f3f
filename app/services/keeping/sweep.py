"""Find what was forgotten: lost nudges, lapsed leases, passed deadlines, new money, old bodies."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from prometheus_client import Counter

from app.domain.ids import ENTROPY_BYTES, new_id
from app.domain.job import FINAL, Lane
from app.gateway import Gateway
from app.services.gather import ran_out_of_time
from app.services.keeping.calibrate import calibrate
from app.services.keeping.rounds import rounds
from app.services.keeping.wake import wake
from app.services.outage import as_unavailable
from app.store import money, queue
from app.store.engine import again, statement, transaction
from app.store.keeping import purge as old
from app.store.keeping import spent, unwanted

ROWS_MAX: Final = 500
"""Rows one step touches; what is left comes with the next tick."""

STALE_FACTOR: Final = 12
"""While the batch queue is not empty, a nudge on it counts as lost only after so many times the
usual age: it stands behind others. Nobody on the interactive queue should stand that long."""

IDEMPOTENCY_S: Final = 86_400

TIMEOUTS_MAX: Final = 2
"""Time limits one sweep runs into, 10 s each, before it leaves the rest to the next tick."""

log = logging.getLogger("busbar.sweep")

_rerung = Counter("busbar_nudges_forgotten_total", "Nudges nobody answered, taken back.", ["lane"])
_lost = Counter("busbar_leases_lapsed_total", "Jobs taken from workers that went quiet.")


def sweep(gateway: Gateway) -> int:
    """Recover, expire, re-ring, wake; return how many jobs were moved. Deletes what is old, too.

    Safe to repeat at any time. Each step is bounded; what is left comes with the next tick. A step
    that fails spares the others, and dispatching after them. Raises what tells that the database
    is away.
    """
    standing = rounds(gateway)
    first, standing.step = standing.step, 0
    moved = timeouts = 0
    for number in range(first, first + len(_STEPS)):
        step = _STEPS[number % len(_STEPS)]
        try:
            moved += step(gateway)
        except Exception as error:
            timeouts += ran_out_of_time(error)
            if as_unavailable(error) is not None and not ran_out_of_time(error):
                raise
            log.exception("sweep.step_failed step=%s", step.__name__)
            if timeouts == TIMEOUTS_MAX:
                standing.step = (number + 1) % len(_STEPS)
                break
    return moved


def purge(gateway: Gateway) -> int:
    """Delete a step's worth of bodies and idempotency keys past their age; return how many."""
    standing = rounds(gateway)
    kept = timedelta(days=gateway.settings.payload_days)
    before = new_id("job", gateway.now() - kept, bytes(ENTROPY_BYTES))
    with statement(gateway.engine) as conn:
        gone, go_on = old.bodies(
            conn, after=standing.body, before=before, older_s=kept.total_seconds()
        )
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


def _end_left(gateway: Gateway) -> int:
    def write() -> list[str]:
        with transaction(gateway.engine) as conn:
            ended = unwanted.end_left(conn, ROWS_MAX, grace_s=gateway.settings.leave_grace_s)
            money.release(conn, ended)
            return ended

    ended = again(write)
    gateway.broker.publish_results(ended)
    return len(ended)


def _forget(gateway: Gateway) -> int:
    return sum(_forget_in(gateway, lane) for lane in Lane)


def _forget_in(gateway: Gateway, lane: Lane) -> int:
    stands_in_line = lane is Lane.BATCH and gateway.broker.depth(lane)
    factor = STALE_FACTOR if stands_in_line else 1
    with statement(gateway.engine) as conn:
        forgotten = queue.forget_nudges(
            conn, lane, older_s=gateway.settings.nudge_stale_s * factor, limit=ROWS_MAX
        )
    _rerung.labels(lane).inc(forgotten)
    return forgotten


def _tidy(gateway: Gateway) -> int:
    purge(gateway)
    standing = rounds(gateway)
    with statement(gateway.engine) as conn:
        _, go_on = spent.close(conn, standing.lot)
    standing.lot = go_on or ("", "")
    return 0  # jobs moved


_STEPS: Final[tuple[Callable[[Gateway], int], ...]] = (
    *(_recover, _expire, _end_left),
    *(_forget, wake, calibrate, _tidy),
)
