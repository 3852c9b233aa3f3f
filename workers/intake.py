"""The intake: ids in, free slots waited for, jobs started in groups (T2), handed to the engine.

Interactive jobs start in the thread that brought them, together with whoever came meanwhile. Batch
lines go through one feeder, which takes as many as there are slots: so a message's thread is free
again at once, and Celery is never kept from the next one. What no message brought goes that way
too.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.domain.job import Lane
from app.gateway import Gateway
from app.services.gather import GROUP_MAX, Gather, in_parts
from app.services.outage import as_unavailable
from app.services.start import Started, Starts, start
from workers.slots import Slots

PATIENCE_S: Final = 0.25
"""How long ids wait for a slot here before they go back: another worker may have one."""
TIMEOUTS_MAX: Final = 10
"""Time limits one group runs into before the rest is left to the sweeper: down to a single job."""

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
        self._start = Gather[tuple[str, ...], int](self._start_group, timeouts_max=0)
        self._backlogs: dict[Lane, list[str]] = {lane: [] for lane in Lane}
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
        for lane, left in self._backlogs.items():
            self._give_back(lane, left)
            left.clear()

    def offer(self, lane: Lane, job_ids: Sequence[str]) -> None:
        """Take the ids of a message. Those that find no room for a while go back on the queue."""
        if lane is Lane.INTERACTIVE:
            self._give_back(lane, self._begin(lane, job_ids))
        elif not self._add(job_ids):
            self._give_back(lane, job_ids)

    def fetch(self, lane: Lane, job_ids: Sequence[str]) -> int:
        """Take ids that were found due, as many as there is room for; return how many. At once."""
        with self._changed:
            room = 0 if self._closed else self._room(lane)
            known = set(self._backlogs[lane])
            fresh = [job_id for job_id in job_ids if job_id not in known][: max(0, room)]
            self._backlogs[lane] += fresh
            self._changed.notify_all()
        return len(fresh)

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
        return self._closed or self._room(Lane.BATCH) > 0

    def _room(self, lane: Lane) -> int:
        return self._backlog_max - len(self._backlogs[lane])

    def _append(self, job_ids: Sequence[str]) -> bool:
        if not self._closed:
            self._backlogs[Lane.BATCH] += job_ids
            self._changed.notify_all()
        return not self._closed

    def _feed(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or any(self._backlogs.values()))
                if self._closed:
                    return
                lane = next(lane for lane, waiting in self._backlogs.items() if waiting)
                job_ids = self._backlogs[lane][:GROUP_MAX]
                del self._backlogs[lane][:GROUP_MAX]
                self._changed.notify_all()
            try:
                self._give_back(lane, self._begin(lane, job_ids))
            except SQLAlchemyError as error:
                # The rows are as they were, or leased and soon lapsed: the sweeper rings again.
                log.warning("intake.waits jobs=%d error=%s", len(job_ids), type(error).__name__)
            except Exception:  # without the feeder no batch line would ever start here again
                log.exception("intake.broke jobs=%d", len(job_ids))

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
        started = self._start_parts(job_ids)
        counts = []
        for offer in offers:
            mine = started.intersection(offer)
            started -= mine  # an id two offers brought takes the slot of the first
            counts.append(len(mine))
        return counts

    def _start_parts(self, job_ids: Sequence[str]) -> set[str]:
        """Start jobs, together or in parts, and return those that have started.

        One that cannot be started spares the others. Raises when Postgres is away for all of them.
        """
        started: set[str] = set()
        for part in in_parts(self._start_part, job_ids, timeouts_max=TIMEOUTS_MAX):
            if part.result is not None:
                self._launch(part.result.started)
                self._gateway.broker.publish_results(part.result.ended)
                started.update(job.id for job in part.result.started)
            elif part.error is not None:
                self._miss(part.items, part.error, alone=not started)
        return started

    def _start_part(self, job_ids: Sequence[str]) -> Starts:
        return start(self._gateway, job_ids, self._worker_id)

    def _miss(self, job_ids: Sequence[str], error: BaseException, *, alone: bool) -> None:
        """Say what became of jobs that did not start; raise what is told to whoever offered them.

        What has started keeps its slots, so an outage in the middle is only told to the log.
        """
        if isinstance(error, Exception) and as_unavailable(error) is None:
            log.error("intake.refused jobs=%s", list(job_ids), exc_info=error)
        elif alone:
            raise error
        else:
            log.warning("intake.waits jobs=%d error=%s", len(job_ids), type(error).__name__)
