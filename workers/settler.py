"""The settler: finished calls in, one transaction for all that came meanwhile (T3)."""

import logging
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Final

from app.domain.attempt import Answer
from app.domain.job import Lane
from app.gateway import Gateway
from app.services.gather import GROUP_BYTES_MAX, GROUP_MAX, fitting, in_parts, ran_out_of_time
from app.services.outage import as_unavailable
from app.services.settle import Finished, settle

CROWD: Final = 8
"""Calls in one group from which on the next group of batch lines lingers."""
LINGER_S: Final = 0.02
RETRY_FIRST_S: Final = 0.05
RETRY_MAX_S: Final = 2.0
TIMEOUTS_ALONE_MAX: Final = 3
"""Time limits one answer by itself may run into; each takes 10 s."""

log = logging.getLogger("busbar.settler")


class Settler:
    """One per worker process, with a thread of its own. `settled` hears of each finished call."""

    def __init__(self, gateway: Gateway, settled: Callable[[Sequence[Finished]], None]) -> None:
        self._gateway = gateway
        self._settled = settled
        self._finished: queue.SimpleQueue[Finished | None] = queue.SimpleQueue()
        self._next: deque[Finished | None] = deque()
        self._closing = threading.Event()
        self._gives_up_at = math.inf
        self._left_behind = 0
        self._thread = threading.Thread(target=self._run, name="settler", daemon=True)

    def open(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, finished: Finished) -> None:
        """Hand in a call that is over."""
        self._finished.put(finished)

    def close(self, *, grace_s: float) -> None:
        """Settle what is left, then end the thread.

        While Postgres is away it is tried for `grace_s` seconds; then the answers that are left are
        lost, and their jobs are tried again when the leases have lapsed.
        """
        self._gives_up_at = time.monotonic() + grace_s
        self._closing.set()
        self._finished.put(None)
        self._thread.join()
        if self._left_behind:
            log.error("settler.gave_up answers=%d", self._left_behind)

    def _run(self) -> None:
        crowded = False
        while group := self._group(crowded=crowded):
            crowded = len(group) >= CROWD
            self._settle(group)

    def _group(self, *, crowded: bool) -> list[Finished]:
        """Wait for a finished call and take those that came with it; none at the end."""
        if not self._next:
            self._next.append(self._finished.get())
        first = self._next[0]
        if crowded and first is not None and first.job.lane is Lane.BATCH:
            # Nobody waits for a batch line: a short pause makes one group of many small ones.
            time.sleep(LINGER_S)
        while len(self._next) < GROUP_MAX and not self._finished.empty():
            self._next.append(self._finished.get())
        arrived = [each for each in takewhile(lambda each: each is not None, self._next) if each]
        count = fitting(map(_bytes_of, arrived), most=GROUP_MAX, bytes_max=GROUP_BYTES_MAX)
        for _ in range(count):
            self._next.popleft()
        return arrived[:count]

    def _settle(self, group: Sequence[Finished]) -> None:
        """Settle a group; one that cannot be written at all spares the others."""
        for part in in_parts(self._write, group, timeouts_max=GROUP_MAX):
            if part.error is not None:
                # Its lease lapses and the job is tried again; three such rounds end it.
                for each in part.items:
                    log.error("settler.refused job=%s", each.job.id, exc_info=part.error)
            elif not part.result:
                self._left_behind += len(part.items)
            self._settled(part.items)

    def _write(self, group: Sequence[Finished]) -> bool:
        """Settle; while Postgres is away, keep the answers and try again.

        False: it was given up. Raises what is not for Postgres being away, and what may be for the
        size of the group.
        """
        pause_s, timeouts = RETRY_FIRST_S, 0
        while not self._left_behind:
            try:
                settle(self._gateway, group)
            except Exception as error:
                if as_unavailable(error) is None:
                    raise
                if time.monotonic() >= self._gives_up_at:
                    return False
                log.warning("settler.waits jobs=%d error=%s", len(group), type(error).__name__)
                if ran_out_of_time(error):
                    timeouts += 1
                    if len(group) > 1:
                        raise
                    if timeouts >= TIMEOUTS_ALONE_MAX:
                        raise _TooSlow from error
            else:
                return True
            self._pause(pause_s)
            pause_s = min(RETRY_MAX_S, pause_s * 2)
        return False

    def _pause(self, pause_s: float) -> None:
        """Pause, but let nothing keep a settler that begins to close from its next try."""
        if self._closing.is_set():
            time.sleep(max(0.0, min(pause_s, self._gives_up_at - time.monotonic())))
        else:
            self._closing.wait(pause_s)


class _TooSlow(Exception):
    """One answer by itself ran into the time limit again and again."""


def _bytes_of(finished: Finished) -> int:
    return len(finished.outcome.body) if isinstance(finished.outcome, Answer) else 0
