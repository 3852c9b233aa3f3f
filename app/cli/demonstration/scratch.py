"""The demo's folder: gone when the demo ends, and after a `kill -9` when the next one starts."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from app.embedded import EmbeddedError, reset
from app.embedded.locks import Lock

PREFIX: Final = "busbar-demo-"
STATE: Final = "state"
LOCK: Final = "demo.lock"
"""Held, within the folder, by the demo that plays there."""


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder of this demo's own, whose databases are in `STATE`, and remove both.

    Raises EmbeddedError when the servers do not end; the folder stays then, for another try.
    """
    _clear_leftovers()
    folder, lock = _make()
    with lock:
        try:
            yield folder
        finally:
            _remove(folder)


def _clear_leftovers() -> None:
    """Remove what demos of this user left that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        # Another user may have put anything there under this name.
        with suppress(EmbeddedError, OSError):
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                continue
            with Lock(folder / LOCK) as lock:
                if lock.attempt():
                    _remove(folder)


def _make() -> tuple[Path, Lock]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        with suppress(FileNotFoundError):
            lock = Lock(folder / LOCK)
            # A demo that starts at this moment may take the new folder for a leftover.
            if lock.attempt() and folder.exists():
                return folder, lock
            lock.close()


def _remove(folder: Path) -> None:
    reset(folder / STATE)
    shutil.rmtree(folder, ignore_errors=True)
