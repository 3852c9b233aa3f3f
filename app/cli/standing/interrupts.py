"""Ctrl-C and its kin: the first asks for an orderly stop, the second for one at once."""

import signal
from types import FrameType, TracebackType
from typing import Any, Final, Self

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """Stop now; raised wherever the main thread happens to be.

    The database driver knows its base class and cancels the query that it was waiting for.
    """


class Interrupts:
    """Hears the signals that mean stop, as long as it is entered; main thread only."""

    def __init__(self) -> None:
        self.heard = 0
        """How many signals came."""
        self.patient = False
        """True: the first signal is only noted. Otherwise every signal raises Interrupted."""
        self._before: dict[signal.Signals, Any] = {}

    def _hear(self, _signum: int, _frame: FrameType | None) -> None:
        self.heard += 1
        if self.heard > 1 or not self.patient:
            raise Interrupted

    def __enter__(self) -> Self:
        for signum in SIGNALS:
            # Whoever started us with nohup wants us to survive the terminal.
            if signum is signal.SIGHUP and signal.getsignal(signum) is signal.SIG_IGN:
                continue
            self._before[signum] = signal.signal(signum, self._hear)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for signum, before in self._before.items():
            signal.signal(signum, before)
