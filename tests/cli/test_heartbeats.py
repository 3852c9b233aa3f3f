"""`busbar up` looks after what lives without getting on: real processes that stop beating."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.cli.standing.heartbeat import LOOK_S_MAX, Pulse
from app.cli.standing.processes import Patience, Processes
from app.cli.standing.program import Program

SOON_S = 15.0
QUIET_S = 0.6
HASTE = Patience(delay_first_s=0.05, delay_max_s=0.2, early_s=0, quiet_s=QUIET_S)
BEATING = (
    "import pathlib, sys, time\n"
    "while True:\n    pathlib.Path(sys.argv[1]).touch()\n    time.sleep(0.05)"
)
SILENT = "import time; time.sleep(600)"


class Stand:
    """One program with a heartbeat under supervision, and what was said of it."""

    def __init__(self, folder: Path) -> None:
        self.beats = folder / "run" / "worker-1"
        self.beats.parent.mkdir()
        self.said: list[str] = []
        self.processes: Processes | None = None
        self._folder = folder

    def start(self, script: str) -> Processes:
        """Start some lines of Python, with the heartbeat file as `argv[1]`."""
        program = Program(
            name="worker-1",
            command=(sys.executable, "-c", script, str(self.beats)),
            environment=os.environ,
            log=self._folder / "worker-1.log",
            heartbeat_file=self.beats,
        )
        self.processes = Processes([[program]], say=self.said.append, patience=HASTE)
        self.processes.tick()
        return self.processes

    def until(self, holds: Callable[[], bool], within_s: float = SOON_S) -> bool:
        """Supervise until something holds; False when that takes too long."""
        assert self.processes is not None
        deadline = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > deadline:
                return False
            self.processes.tick()
            time.sleep(0.01)
        return True


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """A place for a process, of which nothing is left afterwards."""
    standing = Stand(tmp_path)
    yield standing
    if standing.processes is not None:
        standing.processes.kill()


def test_a_process_whose_heartbeat_stops_is_replaced(stand: Stand) -> None:
    """A worker that lives but gets no further is killed and started again, and that is said."""
    processes = stand.start(BEATING)
    assert stand.until(lambda: not processes.missing())
    stuck = processes.pids()["worker-1"]
    os.kill(stuck, signal.SIGSTOP)
    assert stand.until(lambda: processes.pids().get("worker-1", stuck) != stuck)
    (line,) = stand.said
    assert line.startswith(f"worker-1 made no progress for {QUIET_S:g} s and was killed, see ")
    assert line.endswith("worker-1.log; it is started again in 0.05 s")
    assert stand.until(lambda: not processes.missing())


def test_a_process_that_beats_is_left_alone(stand: Stand) -> None:
    """As long as its heartbeat goes on nobody touches it."""
    processes = stand.start(BEATING)
    assert stand.until(lambda: not processes.missing())
    pids = processes.pids()
    assert not stand.until(lambda: bool(stand.said), within_s=3 * QUIET_S)
    assert processes.pids() == pids


def test_a_process_may_take_its_time_to_begin(stand: Stand) -> None:
    """Before the first heartbeat nothing can have stopped."""
    stand.start(SILENT)
    assert not stand.until(lambda: bool(stand.said), within_s=3 * QUIET_S)


def test_a_heartbeat_that_is_gone_has_stopped(stand: Stand) -> None:
    """Without its file a stuck worker is found all the same."""
    processes = stand.start(BEATING)
    assert stand.until(lambda: not processes.missing())
    processes.tick()
    os.kill(processes.pids()["worker-1"], signal.SIGSTOP)
    stand.beats.unlink()
    assert stand.until(lambda: bool(stand.said))


def test_a_folder_nobody_can_write_to_says_nothing(stand: Stand) -> None:
    """A worker is not killed because its heartbeat has no place."""
    processes = stand.start(f"import pathlib, sys; pathlib.Path(sys.argv[1]).touch(); {SILENT}")
    assert stand.until(lambda: not processes.missing())
    shutil.rmtree(stand.beats.parent)
    assert not stand.until(lambda: bool(stand.said), within_s=3 * QUIET_S)


def test_sleep_does_not_count(tmp_path: Path) -> None:
    """A supervisor that was itself held up takes no process for stuck when it wakes."""
    beats = tmp_path / "beats"
    pulse = Pulse(beats)
    pulse.quiet_s(0)
    beats.touch()
    assert pulse.quiet_s(1) == 0
    assert pulse.quiet_s(10_000) == LOOK_S_MAX


def test_a_clock_that_is_set_back_stops_no_heart(tmp_path: Path) -> None:
    """A heartbeat is one that has changed, whatever time it says."""
    beats = tmp_path / "beats"
    beats.touch()
    pulse = Pulse(beats)
    assert pulse.quiet_s(0) == 0
    os.utime(beats, (0, 0))
    assert pulse.quiet_s(0.5) == 0
