"""Ring for jobs whose turn has come, keeping the run queues only a little deeper than the slots.

Led by the keeper. Batches live in Postgres until then, so Redis holds seconds of work and stays
small whatever the backlog is.
"""

from typing import Final

from app.broker import NUDGE_IDS_MAX
from app.domain.job import Lane
from app.gateway import Gateway
from app.store import queue
from app.store.engine import statement

DEPTH_SLOTS: Final = 2
"""How deep a run queue may be, in slots of one worker process."""

ROOM_STEP: Final = 10

INTERACTIVE_IDS_MAX: Final = 500
"""Interactive jobs rung for at once: those whose first nudge was lost, or whose back-off ended."""


def dispatch(gateway: Gateway) -> int:
    """Ring for due jobs of both lanes; return how many."""
    return sum(_ring(gateway, lane) for lane in Lane)


def _ring(gateway: Gateway, lane: Lane) -> int:
    room = _room(gateway, lane)
    if room <= 0:
        return 0
    with statement(gateway.engine) as conn:
        ids = queue.take_due(conn, lane, room)
    gateway.broker.nudge(lane, ids)
    return len(ids)


def _room(gateway: Gateway, lane: Lane) -> int:
    """How many ids the lane may take now; none while Redis is away."""
    depth = gateway.broker.depth(lane)
    if depth is None:
        return 0
    if lane is Lane.INTERACTIVE:
        return INTERACTIVE_IDS_MAX
    deepest = max(NUDGE_IDS_MAX, DEPTH_SLOTS * gateway.settings.slots)
    if depth * NUDGE_IDS_MAX >= deepest:
        return 0
    with statement(gateway.engine) as conn:
        room = deepest - queue.outstanding(conn, lane, deepest)
    # The limit is part of the statement's text; few different ones keep few plans.
    return room // ROOM_STEP * ROOM_STEP or room
