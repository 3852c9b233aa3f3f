"""One server under supervision: start, watch, start again when it dies, stop."""

import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from app.embedded.errors import EmbeddedError
from app.embedded.journal import event
from app.embedded.plan import Phase, ServerPlan, ServerStatus
from app.embedded.programs.launch import launch
from app.embedded.programs.process import Steps

DELAY_FIRST_S = 0.1
DELAY_MAX_S = 5.0
STEADY_S = 10.0  # A server that ran this long starts again without a grown delay.
TAIL_BYTES_MAX = 2_000
TAIL_LINES_MAX = 6


class Program(Protocol):
    """What a supervisor must know about a kind of server."""

    @property
    def plan(self) -> ServerPlan:
        """Where it lies and as whom it runs."""

    @property
    def steps(self) -> Steps:
        """How it is stopped: politely first."""

    @property
    def first_start_s_max(self) -> float:
        """Until when a first start that ends early is tried again, in seconds."""

    @property
    def instead(self) -> str:
        """The variable that makes it unnecessary."""

    def prepare(self) -> None:
        """Do once, before the first start, what may take long; raises EmbeddedError, OSError."""

    def end_orphan(self) -> None:
        """End a process of an earlier supervisor that was killed; raises EmbeddedError."""

    def clear(self) -> None:
        """Remove leftovers before each start; no process of the server is alive then."""

    def command(self) -> Sequence[str]:
        """Return the command line."""

    def ready(self, pid: int) -> bool:
        """Return whether the server can be used; asked again and again, never raises."""


class Server:
    """A server and its present process."""

    def __init__(self, program: Program) -> None:
        self.phase = Phase.DOWN
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._error: str | None = None
        self._prepared = False
        self._been_ready = False
        self._first_try_at: float | None = None
        self._launched_at = 0.0
        self._not_before = 0.0
        self._delay_s = DELAY_FIRST_S
        self._log_from = 0
        self._step = -1
        self._step_ends_at = 0.0

    @property
    def status(self) -> ServerStatus:
        """What openers may know."""
        pid = None if self._process is None else self._process.pid
        return ServerStatus(phase=self.phase, pid=pid, error=self._error)

    def hurry(self) -> None:
        """Somebody waits: skip the rest of a delay."""
        self._not_before = 0.0

    def tick(self, now: float) -> None:
        """Do what is due at this moment (monotonic seconds); call it often."""
        if self.phase is Phase.DOWN and now >= self._not_before:
            self._launch(now)
        elif self._process is not None and self._process.poll() is not None:
            self._fall(now, end_of(self._process.returncode))
        elif (
            self._process is not None
            and self.phase is Phase.STARTING
            and self._program.ready(self._process.pid)
        ):
            self.phase, self._been_ready = Phase.READY, True
            event("server.ready", plan=self._program.plan.version, pid=self._process.pid)

    def press(self, now: float) -> bool:
        """Stop the server, more firmly each time its patience ends; True once it is gone."""
        if self._process is None or self._process.poll() is not None:
            self._process, self.phase = None, Phase.DOWN
            return True
        if now >= self._step_ends_at and self._step + 1 < len(self._program.steps):
            self._step += 1
            signum, patience_s = self._program.steps[self._step]
            self._step_ends_at = now + patience_s
            event("server.stop", pid=self._process.pid, signal=signum.name)
            with suppress(ProcessLookupError):
                self._process.send_signal(signum)
        return False

    def tidy(self) -> None:
        """After the stop, remove what is left of the sockets, and their folder when it is empty."""
        with suppress(OSError):
            if self._prepared:  # Else they may belong to an orphan that did not end.
                self._program.clear()
            Path(self._program.plan.sockets).rmdir()

    def _launch(self, now: float) -> None:
        self._first_try_at = self._first_try_at or now
        log = Path(self._program.plan.log)
        self._log_from = log.stat().st_size if log.exists() else 0
        try:
            if not self._prepared:
                self._program.end_orphan()
                self._program.prepare()
                self._prepared = True
            self._program.clear()
            self._process = launch(
                self._program.command(),
                log=log,
                account=self._program.plan.account,
                last_signal=self._program.steps[0][0],
            )
        except (EmbeddedError, OSError, subprocess.SubprocessError) as error:
            self._fall(time.monotonic(), str(error), hopeless=True)
            return
        self.phase, self._launched_at = Phase.STARTING, time.monotonic()
        event("server.launched", plan=self._program.plan.version, pid=self._process.pid)

    def _fall(self, now: float, why: str, *, hopeless: bool = False) -> None:
        """Plan the next start, or give up on a server that never ran."""
        event("server.down", plan=self._program.plan.version, why=why)
        self._process, self.phase = None, Phase.DOWN
        if now - self._launched_at > STEADY_S:
            self._delay_s = DELAY_FIRST_S
        self._not_before = now + self._delay_s
        self._delay_s = min(2 * self._delay_s, DELAY_MAX_S)
        tried_long = (
            self._not_before - (self._first_try_at or now) > self._program.first_start_s_max
        )
        if not self._been_ready and (hopeless or tried_long):
            self.phase, self._error = Phase.FAILED, self._story(why)

    def _story(self, why: str) -> str:
        plan = self._program.plan
        way_out = f"set {self._program.instead} to use a server of your own"
        lines = tail(Path(plan.log), self._log_from)
        said = "".join(f"\n  {line}" for line in lines)
        seen = f"; {plan.log} ends with:{said}" if said else ""
        return f"{plan.version} does not start: {why}; repair that or {way_out}{seen}"


def end_of(code: int) -> str:
    """Say how a process ended."""
    return f"it was ended by signal {-code}" if code < 0 else f"it ended with code {code}"


def tail(log: Path, start: int) -> list[str]:
    """Return the last lines a log got after its first `start` bytes."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start if start <= size else 0, size - TAIL_BYTES_MAX))
            return file.read().decode(errors="replace").splitlines()[-TAIL_LINES_MAX:]
    except OSError:
        return []
