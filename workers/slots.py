"""Slots: how many provider calls this process may hold, and how many of them batch lines."""

import threading

from app.domain.job import Lane


class Slots:
    """A counter of free slots. Batch lines leave a share of them to interactive calls."""

    def __init__(self, slots: int, *, batch_max: int) -> None:
        self._lock = threading.Condition()
        self._free = {Lane.INTERACTIVE: slots, Lane.BATCH: batch_max}
        self._slots = slots
        self._closed = False

    def take(self, lane: Lane, most: int, *, patience_s: float) -> int:
        """Wait for a free slot, then take up to `most` of them.

        Returns 0 when none came free within `patience_s`, or when the slots are closed.
        """
        with self._lock:
            free = self._lock.wait_for(lambda: self._closed or self._room(lane) > 0, patience_s)
            if self._closed or not free:
                return 0
            taken = min(most, self._room(lane))
            self._change(lane, -taken)
            return taken

    def give(self, lane: Lane, count: int) -> None:
        """Give slots back."""
        if count:
            with self._lock:
                self._change(lane, count)
                self._lock.notify_all()

    def close(self) -> None:
        """Let nobody take a slot any more, and send those who wait home."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()

    @property
    def used(self) -> int:
        """Slots in use now."""
        return self._slots - self._free[Lane.INTERACTIVE]

    @property
    def free(self) -> int:
        """Slots nobody uses now."""
        return self._free[Lane.INTERACTIVE]

    def _room(self, lane: Lane) -> int:
        return max(0, min(self._free[Lane.INTERACTIVE], self._free[lane]))

    def _change(self, lane: Lane, by: int) -> None:
        self._free[Lane.INTERACTIVE] += by
        if lane is Lane.BATCH:
            self._free[Lane.BATCH] += by
