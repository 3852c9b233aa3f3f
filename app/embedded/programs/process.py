"""Looking at processes that are not children of ours, and ending leftovers of an earlier life."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from app.embedded.errors import EmbeddedError

PROC = Path("/proc")
PS_S_MAX = 5
POLL_S = 0.01
GONE_LETTERS = "ZX"

# Signals in the order they are tried, with the seconds each is given.
Steps = tuple[tuple[signal.Signals, float], ...]


def command_line(pid: int) -> str | None:
    """Return the command line of a living process; None when it is dead or a zombie.

    `kill(pid, 0)` will not do: it succeeds on a zombie that its parent never collects.
    """
    if not (PROC / "self/stat").exists():
        return command_line_by_ps(pid)
    try:
        # The name in parentheses may hold anything; the state letter follows the last one.
        letter = (PROC / f"{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
        words = (PROC / f"{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except (OSError, IndexError):
        return None
    return None if letter in GONE_LETTERS else os.fsdecode(words)


def command_line_by_ps(pid: int) -> str | None:
    """Ask `ps`, for systems without /proc."""
    shown = subprocess.run(  # noqa: S603  the only variable part is a number
        ["/bin/ps", "-ww", "-o", "stat=,command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        timeout=PS_S_MAX,
        check=False,
    )
    letters, _, command = shown.stdout.strip().partition(" ")
    return None if not letters or letters[0] in GONE_LETTERS else command


def pid_in(path: Path) -> int | None:
    """Return the process id on the first line of a file; None when there is none."""
    try:
        pid = int(path.read_text(errors="replace").split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if pid > 1 else None


def end_orphan(pid: int | None, *, mark: str, steps: Steps) -> None:
    """End a server whose supervisor died; a process without the mark is somebody else's.

    The mark is a path only this stack's server has on its command line: after a reboot the id in
    an old pid file may name any process. Raises EmbeddedError when it outlives every step.
    """
    for signum, patience_s in steps:
        deadline = time.monotonic() + patience_s
        if pid is None or not is_ours(pid, mark):
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signum)
        while is_ours(pid, mark) and time.monotonic() < deadline:
            time.sleep(POLL_S)
    if pid is not None and is_ours(pid, mark):
        raise EmbeddedError(f"process {pid} of an earlier start does not end; kill it and retry")


def is_ours(pid: int, mark: str) -> bool:
    """Return whether this process lives and carries the mark."""
    command = command_line(pid)
    return command is not None and mark in command
