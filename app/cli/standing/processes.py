"""The processes of `busbar up`: started, watched, replaced when dead or stuck, stopped in order."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from app.cli.standing.heartbeat import Pulse
from app.cli.standing.program import (
    Program,
    ending,
    kill_group,
    last_lines,
    launch,
    log_bytes,
    works,
)

POLL_S: Final = 0.05
"""Between looks while processes stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How restarts are spaced, and when a program that never worked is given up. In seconds."""

    delay_first_s: float = 0.2
    delay_max_s: float = 10.0
    steady_s: float = 30.0
    """A process that lived this long is started again without a grown delay."""
    early_s: float = 10.0
    """A process that died sooner than this may be one that cannot work at all."""
    early_deaths_max: int = 5
    quiet_s: float = 60.0
    """A process whose heartbeat stopped for so long is stuck. Between two beats a worker's keeper
    makes a handful of statements, each of which a slow Postgres may take 10 s for."""


PATIENCE: Final = Patience()


class GaveUp(Exception):
    """A program died again and again before everything had worked once; the message says how."""


class Processes:
    """Programs in stages: the last stage is started first, and the first stage stopped first.

    `say` hears one sentence whenever something goes otherwise than planned. A process that dies
    takes what it started with it.
    """

    def __init__(
        self,
        stages: Sequence[Sequence[Program]],
        *,
        say: Callable[[str], None],
        patience: Patience = PATIENCE,
    ) -> None:
        self._stages = [[_Child(program, patience) for program in stage] for stage in stages]
        self._children = [child for stage in reversed(self._stages) for child in stage]
        self._say = say
        self._may_give_up = True

    def tick(self) -> None:
        """Start what is due: at first everything, later what died. Call it often.

        Raises GaveUp, until `settle`, for a program that seems not to work at all.
        """
        for child in self._children:
            if child.tick(time.monotonic()):
                if self._may_give_up and child.is_hopeless:
                    raise GaveUp(child.story())
                self._say(child.prospect())

    def missing(self) -> list[str]:
        """Return the names of the processes that do not work yet."""
        return [child.program.name for child in self._children if not child.works()]

    def settle(self) -> None:
        """Everything has worked once: from now on a process is started again however often."""
        self._may_give_up = False

    def pids(self) -> dict[str, int]:
        """Return the processes that run now, by name; one that waits for its restart is missing."""
        return {
            child.program.name: child.process.pid
            for child in self._children
            if child.process is not None
        }

    def stop(self) -> None:
        """End everything, stage by stage: SIGTERM, and SIGKILL for what outlives its patience."""
        for stage in self._stages:
            for child in stage:
                child.ask_to_end(time.monotonic())
            while remaining := [child for child in stage if child.is_running()]:
                for child in remaining:
                    if time.monotonic() >= child.kill_at:
                        name, patience_s = child.program.name, child.program.stop_s
                        self._say(f"{name} did not end within {patience_s:g} s and was killed")
                        child.kill()
                time.sleep(POLL_S)
            for child in stage:
                child.kill()

    def kill(self) -> None:
        """End everything at once; what has ended already is left alone."""
        for child in self._children:
            child.kill()


class _Child:
    """A program and its present process."""

    def __init__(self, program: Program, patience: Patience) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.kill_at = 0.0
        self._patience = patience
        self._started_at = self._due_at = 0.0
        self._delay_s = 0.0
        self._death = ""
        self._deaths = self._early_deaths = 0
        self._log_from = 0
        self._pulse: Pulse | None = None

    def tick(self, now: float) -> bool:
        """Start it when it is due, kill it when it is stuck; return whether it died just now."""
        deaths = self._deaths
        if self.process is None:
            if now >= self._due_at:
                self._start(now)
        elif self.process.poll() is not None:
            kill_group(self.process)
            self._fall(now, f"{ending(self.process.returncode)}, see {self.program.log}")
        elif self._pulse is not None and self._pulse.quiet_s(now) >= self._patience.quiet_s:
            kill_group(self.process)
            quiet_s = self._patience.quiet_s
            death = f"made no progress for {quiet_s:g} s and was killed, see {self.program.log}"
            self._fall(now, death)
        return self._deaths > deaths

    @property
    def is_hopeless(self) -> bool:
        """True when it died too often too soon."""
        return self._early_deaths >= self._patience.early_deaths_max

    def prospect(self) -> str:
        """Say how it died and when it is started again."""
        return f"{self.program.name} {self._death}; it is started again in {self._delay_s:g} s"

    def story(self) -> str:
        """Say why there is no point in going on."""
        said = last_lines(self.program.log, self._log_from)
        return (
            f"{self.program.name} does not start: it {self._death}, "
            f"{self._early_deaths} times in a row. What it said last:{said}"
        )

    def is_running(self) -> bool:
        """Return whether its process lives."""
        return self.process is not None and self.process.poll() is None

    def works(self) -> bool:
        """Return whether its process lives and shows that it works."""
        return self.is_running() and works(self.program)

    def ask_to_end(self, now: float) -> None:
        """Send SIGTERM, to the process alone: what it started is its own to end."""
        self.kill_at = now + self.program.stop_s
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process and what it started, at once."""
        if self.process is not None:
            kill_group(self.process)
            self.process = None

    def _start(self, now: float) -> None:
        self._started_at = now
        if self._early_deaths == 0:
            self._log_from = log_bytes(self.program.log)
        beats = self.program.heartbeat_file
        self._pulse = None if beats is None else Pulse(beats)
        try:
            self.process = launch(self.program)
        except (OSError, subprocess.SubprocessError) as error:
            self._fall(now, f"cannot be started ({error})")

    def _fall(self, now: float, death: str) -> None:
        """Note a death and plan the next start."""
        self.process, self._death, self._deaths = None, death, self._deaths + 1
        lived_s = now - self._started_at
        grown_s = 2 * self._delay_s if lived_s < self._patience.steady_s else 0.0
        self._delay_s = max(grown_s, self._patience.delay_first_s)
        self._delay_s = min(self._delay_s, self._patience.delay_max_s)
        self._due_at = now + self._delay_s
        early = lived_s < self._patience.early_s
        self._early_deaths = self._early_deaths + 1 if early else 0
