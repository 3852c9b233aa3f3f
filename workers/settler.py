"""The settler: finished calls in, one transaction for all that came meanwhile (T3)."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from app.domain.job import Lane
from app.gateway import Gateway
from app.services.outage import as_unavailable
from app.services.settle import Finished, settle

GROUP_MAX: Final = 500
CROWD: Final = 8
"""Calls in one group from which on the next group of batch lines lingers."""
LINGER_S: Final = 0.02
RETRY_FIRST_S: Final = 0.05
RETRY_MAX_S: Final = 2.0

log = logging.getLogger("busbar.settler")


class Settler:
    """One per worker process, with a thread of its own. `settled` hears of each finished call."""

    def __init__(self, gateway: Gateway, settled: Callable[[Sequence[Finished]], None]) -> None:
        self._gateway = gateway
        self._settled = settled
        self._finished: queue.SimpleQueue[Finished | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="settler", daemon=True)

    def open(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, finished: Finished) -> None:
        """Hand in a call that is over."""
        self._finished.put(finished)

    def close(self) -> None:
        """Settle what is left, then end the thread."""
        self._finished.put(None)
        self._thread.join()

    def _run(self) -> None:
        closing, crowded = False, False
        while not closing:
            each = self._finished.get()
            if crowded and each is not None and each.job.lane is Lane.BATCH:
                # Nobody waits for a batch line: a short pause makes one group of many small ones.
                time.sleep(LINGER_S)
            group: list[Finished] = []
            while each is not None:
                group.append(each)
                if len(group) >= GROUP_MAX or self._finished.empty():
                    break
                each = self._finished.get()
            closing, crowded = each is None, len(group) >= CROWD
            if group:
                self._settle(group)

    def _settle(self, group: Sequence[Finished]) -> None:
        """Settle a group; one that cannot be written at all spares the others."""
        if not self._try(group):
            for each in group:
                self._try([each])
        self._settled(group)

    def _try(self, group: Sequence[Finished]) -> bool:
        """Settle; while Postgres is away, keep the answers and try again. False: it is refused."""
        pause_s = RETRY_FIRST_S
        while True:
            try:
                settle(self._gateway, group)
            except Exception as error:  # the settler must outlive whatever it is handed
                if as_unavailable(error) is None:
                    # Its lease lapses and the job is tried again; three such rounds end it.
                    log.exception("settler.refused jobs=%s", [each.job.id for each in group])
                    return False
                log.warning("settler.waits jobs=%d error=%s", len(group), type(error).__name__)
                time.sleep(pause_s)
                pause_s = min(RETRY_MAX_S, pause_s * 2)
            else:
                return True
