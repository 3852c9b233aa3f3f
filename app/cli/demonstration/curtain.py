"""Signals during the demo: the first one ends the play, and none disturbs the clearing up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from app.cli.standing.interrupts import SIGNALS, Interrupted


class Curtain:
    """Raises Interrupted, in the main thread, at the first signal that means stop.

    Nothing is raised any more once it has fallen.
    """

    def __init__(self) -> None:
        self._is_down = self._is_held = self._is_due = False
        self._before: dict[signal.Signals, Any] = {}

    def fall(self) -> None:
        """The play is over: from now on signals are ignored."""
        self._is_down = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Put off a signal that comes now, as while a process is started that must not be lost."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            if self._is_due:
                self._end()

    def _hear(self, _signum: int, _frame: FrameType | None) -> None:
        if self._is_held:
            self._is_due = True
        else:
            self._end()

    def _end(self) -> None:
        if not self._is_down:
            self._is_down = True
            raise Interrupted

    def __enter__(self) -> Self:
        self._before = {signum: signal.signal(signum, self._hear) for signum in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for signum, before in self._before.items():
            signal.signal(signum, before)
