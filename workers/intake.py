"""The intake: ids in, free slots waited for, jobs started in groups (T2), handed to the engine.

Interactive jobs start in the thread that brought them, together with whoever came meanwhile. Batch
lines go through one feeder, which takes as many as there are slots: so a message's thread is free
again at once, and Celery is never kept from the next one.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.domain.job import Lane
from app.gateway import Gateway
from app.services.gather import GROUP_MAX, Gather
from app.services.start import Started, start
from workers.slots import Slots

PATIENCE_S: Final = 0.25
"""How long ids wait for a slot here before they go back: another worker may have one."""

log = logging.getLogger("busbar.intake")


class Intake:
    """One per worker process. `launch` takes started jobs and gives their slots back itself."""

    def __init__(
        self,
        gateway: Gateway,
        slots: Slots,
        launch: Callable[[Sequence[Started]], None],
        *,
        worker_id: str,
    ) -> None:
        self._gateway = gateway
        self._slots = slots
        self._launch = launch
        self._worker_id = worker_id
        self._start = Gather[tuple[str, ...], int](self._start_group)
        self._backlog: list[str] = []
        self._backlog_max = gateway.settings.slots
        self._changed = threading.Condition()
        self._closed = False
        # Batch messages that find the backlog full may hold half of the threads, so that an
        # interactive one always finds a thread to run on.
        self._seats = threading.Semaphore(max(1, gateway.settings.worker_threads // 2))
        self._feeder = threading.Thread(target=self._feed, name="intake", daemon=True)

    def open(self) -> None:
        """Start the feeder."""
        self._feeder.start()

    def close(self) -> None:
        """Take nothing more; what has not started goes back on the queue."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._slots.close()
        self._feeder.join()
        left, self._backlog = self._backlog, []
        self._give_back(Lane.BATCH, left)

    def offer(self, lane: Lane, job_ids: Sequence[str]) -> None:
        """Take the ids of a message. Those that find no room for a while go back on the queue."""
        if lane is Lane.INTERACTIVE:
            self._give_back(lane, self._begin(lane, job_ids))
        elif not self._add(job_ids):
            self._give_back(lane, job_ids)

    def _add(self, job_ids: Sequence[str]) -> bool:
        """Put ids into the backlog; False when it stays full."""
        with self._changed:
            if self._has_room():
                return self._append(job_ids)
        if not self._seats.acquire(timeout=PATIENCE_S):
            return False
        try:
            with self._changed:
                if not self._changed.wait_for(self._has_room, PATIENCE_S):
                    return False
                return self._append(job_ids)
        finally:
            self._seats.release()

    def _has_room(self) -> bool:
        return self._closed or len(self._backlog) < self._backlog_max

    def _append(self, job_ids: Sequence[str]) -> bool:
        if not self._closed:
            self._backlog += job_ids
            self._changed.notify_all()
        return not self._closed

    def _feed(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or bool(self._backlog))
                if self._closed:
                    return
                job_ids = self._backlog[:GROUP_MAX]
                del self._backlog[:GROUP_MAX]
                self._changed.notify_all()
            try:
                self._give_back(Lane.BATCH, self._begin(Lane.BATCH, job_ids))
            except SQLAlchemyError as error:
                # The rows are as they were, or leased and soon lapsed: the sweeper rings again.
                log.warning("intake.waits jobs=%d error=%s", len(job_ids), type(error).__name__)

    def _begin(self, lane: Lane, job_ids: Sequence[str]) -> Sequence[str]:
        """Start ids as slots come free; return those that found none."""
        left = tuple(job_ids)
        while left:
            taken = self._slots.take(lane, len(left), patience_s=PATIENCE_S)
            if taken == 0:
                break
            now, left = left[:taken], left[taken:]
            started = 0
            try:
                started = self._start(now)
            finally:
                self._slots.give(lane, taken - started)
        return left

    def _give_back(self, lane: Lane, job_ids: Sequence[str]) -> None:
        self._gateway.broker.nudge(lane, job_ids)

    def _start_group(self, offers: Sequence[tuple[str, ...]]) -> list[int]:
        """T2 for everybody who came while the last one ran; how many of each offer have started."""
        job_ids = list(dict.fromkeys(job_id for offer in offers for job_id in offer))
        starts = start(self._gateway, job_ids, self._worker_id)
        self._launch(starts.started)
        self._gateway.broker.publish_results(starts.ended)
        started = {job.id for job in starts.started}
        counts = []
        for offer in offers:
            mine = started.intersection(offer)
            started -= mine  # an id two offers brought takes the slot of the first
            counts.append(len(mine))
        return counts
