"""The lock of a journal's folder: one process at a time, whatever killed the one before."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from app.cli.running.stops import Busy

TRIES_MAX: Final = 100
"""How often a folder may vanish between its making and its locking."""
MODE: Final = 0o600


def hold(folder: Path) -> int:
    """Make the folder unless it is there, lock it, and return what `let_go` takes.

    Raises Busy when another process holds it, OSError when the folder cannot be made.
    """
    path = _path(folder)
    for _ in range(TRIES_MAX):
        folder.mkdir(exist_ok=True)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, MODE)
        except FileNotFoundError:  # whoever let go of the folder has just removed it
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            break
        if _is_in_place(handle, path):
            return handle
        os.close(handle)
    raise Busy(f"another `busbar run` is at work in {folder}")


def let_go(folder: Path, handle: int, *, remove: bool) -> None:
    """Let others in; `remove` the folder too, unless somebody else's file is in it."""
    if remove:
        # Nobody can take the folder meanwhile: the lock is held until the handle is closed, and
        # whoever opened it before it was removed finds that it is not in place any more.
        _path(folder).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()
    os.close(handle)


def _path(folder: Path) -> Path:
    return folder / "lock"


def _is_in_place(handle: int, path: Path) -> bool:
    """Return whether the file that was locked is still the one at this path."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
