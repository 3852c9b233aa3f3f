"""Processes the bench starts: each in a session of its own, with a log, and gone afterwards."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from app.settings import child_environment
from bench.result import RowFailed, TimeUp

ROOT: Final = Path(__file__).resolve().parents[1]
STOP_S: Final = 4.0
"""How long a process may take to end by itself."""
POLL_S: Final = 0.02
LOG_LINES: Final = 12


class Child:
    """One running process."""

    def __init__(self, name: str, process: "subprocess.Popen[str]", log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    @property
    def pid(self) -> int:
        """The root of its process tree."""
        return self.process.pid

    def check(self) -> None:
        """Raise RowFailed when the process has ended, with the end of its log."""
        code = self.process.poll()
        if code is not None:
            raise RowFailed(f"{self.name} ended with code {code}{self.last_words()}")

    def last_words(self) -> str:
        """Return the end of its log, to be put behind a message."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return "".join(f"\n    {line}" for line in lines)

    def tell(self, line: str) -> None:
        """Send a line to one that talks."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def heard(self) -> dict[str, Any]:
        """Return the next line of JSON it says. Raises RowFailed when it ends without one."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RowFailed(f"{self.name} said nothing{self.last_words()}")
        told: dict[str, Any] = json.loads(line)
        return told

    def stop(self) -> None:
        """End it and whatever it started; politely first."""
        try:
            if self.process.poll() is None:
                self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()


@contextmanager
def running(
    name: str,
    arguments: Sequence[str],
    *,
    directory: Path,
    environment: Mapping[str, str],
    talks: bool = False,
) -> Iterator[Child]:
    """Run `python -m ARGUMENTS` until the block ends; one that talks has pipes."""
    log = directory / f"{name}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env=child_environment(environment),
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talks else output,
            stderr=output,
            text=True,
            # Ctrl-C in the terminal is the bench's to handle, which then stops them in order.
            start_new_session=True,
        )
    child = Child(name, process, log)
    try:
        yield child
    finally:
        child.stop()


def until(
    look: Callable[[], bool],
    what: str,
    *,
    within_s: float,
    children: Sequence[Child],
    poll_s: float = POLL_S,
) -> None:
    """Look until it is so. Raises TimeUp, or RowFailed when one of `children` has ended."""
    ends = time.monotonic() + within_s
    while not look():
        for child in children:
            child.check()
        if time.monotonic() > ends:
            raise TimeUp(f"{what} took longer than {within_s:.0f} s")
        time.sleep(poll_s)
