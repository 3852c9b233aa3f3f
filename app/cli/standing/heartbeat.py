"""Heartbeat files, seen from the side that looks after those who touch them."""

import os
import time
from pathlib import Path
from typing import Final

FRESH_S: Final = 15.0
"""A heartbeat file older than this does not show that its process works."""
LOOK_S_MAX: Final = 1.0
"""What counts at most of the time between two looks."""


def is_fresh(heartbeat_file: Path) -> bool:
    """Return whether a file was touched lately."""
    try:
        return time.time() - heartbeat_file.stat().st_mtime < FRESH_S
    except OSError:
        return False


class Pulse:
    """How long a heartbeat file has not changed, in this process's own waking time.

    A computer that slept, or a clock that was set, must not make every process look stuck; so
    neither the time in the file nor the time between two looks is believed.
    """

    def __init__(self, heartbeat_file: Path) -> None:
        self._file = heartbeat_file
        self._beat: int | None = None
        self._looked_at: float | None = None
        self._quiet_s = 0.0

    def quiet_s(self, now: float) -> float:
        """Look at the file; return how long there was no new beat. It is 0 before the first one.

        Where nobody can write to the folder silence says nothing, and does not count.
        """
        passed_s = 0.0 if self._looked_at is None else now - self._looked_at
        self._looked_at = now
        beat = self._last_beat()
        if beat is not None and beat != self._beat:
            self._beat, self._quiet_s = beat, 0.0
        elif self._beat is not None and os.access(self._file.parent, os.W_OK):
            self._quiet_s += min(passed_s, LOOK_S_MAX)
        return self._quiet_s

    def _last_beat(self) -> int | None:
        try:
            return self._file.stat().st_mtime_ns
        except OSError:
            return None
