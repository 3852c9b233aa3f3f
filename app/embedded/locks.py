"""Advisory locks on files: the kernel drops them when the holder dies, whatever killed it."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

POLL_S = 0.01


class Lock:
    """One opening of a lock file; two openings exclude each other, also within one process.

    A forked child shares the opening, so the lock is held until parent and child are both gone;
    a program started with `subprocess` does not.
    """

    __slots__ = ("_fd",)

    def __init__(self, path: Path) -> None:
        self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def attempt(self, *, shared: bool = False) -> bool:
        """Take the lock if that is possible at once, and say whether it was."""
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self.fileno(), mode | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def wait(self, *, shared: bool = False, within_s: float) -> bool:
        """Take the lock within that many seconds, and say whether it was."""
        deadline = time.monotonic() + within_s
        while not self.attempt(shared=shared):
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def release(self) -> None:
        """Give the lock up and keep the file open."""
        fcntl.flock(self.fileno(), fcntl.LOCK_UN)

    def close(self) -> None:
        """Give up this process's part in the lock; closing twice does nothing."""
        if self._fd is not None:
            # No LOCK_UN here: it would take the lock away from forked children too.
            os.close(self._fd)
            self._fd = None

    def fileno(self) -> int:
        """Return the descriptor; raises ValueError after close()."""
        if self._fd is None:
            raise ValueError("the lock is closed")
        return self._fd

    @property
    def closed(self) -> bool:
        """True once this process gave the lock up."""
        return self._fd is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
