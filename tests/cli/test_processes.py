"""The supervisor of `busbar up`, with small real programs under it."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.cli.standing.processes import GaveUp, Patience, Processes
from app.cli.standing.program import LOG_BYTES_MAX, Program, works
from app.embedded.programs.process import command_line

SOON_S = 10.0
HASTE = Patience(delay_first_s=0.05, delay_max_s=0.2, early_deaths_max=3)
SLEEP = "import time; time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)"


class Stand:
    """Processes under supervision, what was said of them, and a folder for what they write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.processes: Processes | None = None

    def program(self, name: str, script: str, *, stop_s: float = SOON_S) -> Program:
        """Return a program that runs a few lines of Python, with its name as `argv[1]`."""
        return Program(
            name=name,
            command=(sys.executable, "-c", script, name, str(self.folder)),
            environment=os.environ,
            log=self.folder / f"{name}.log",
            stop_s=stop_s,
        )

    def start(self, *stages: list[Program], patience: Patience = HASTE) -> Processes:
        """Start programs."""
        self.processes = Processes(stages, say=self.said.append, patience=patience)
        self.processes.tick()
        return self.processes

    def text(self, name: str) -> str:
        """Return what a program logged."""
        return (self.folder / f"{name}.log").read_text()

    def until(self, holds: Callable[[], bool]) -> bool:
        """Supervise until something holds; False when that takes too long."""
        assert self.processes is not None
        deadline = time.monotonic() + SOON_S
        while not holds():
            if time.monotonic() > deadline:
                return False
            self.processes.tick()
            time.sleep(0.01)
        return True


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """A place for processes, none of which is left afterwards."""
    standing = Stand(tmp_path)
    yield standing
    if standing.processes is not None:
        standing.processes.kill()


def test_a_killed_process_is_replaced(stand: Stand) -> None:
    """After `kill -9` another process of that name runs."""
    processes = stand.start([stand.program("one", SLEEP)])
    first = processes.pids()["one"]
    os.kill(first, signal.SIGKILL)
    assert stand.until(lambda: processes.pids().get("one", first) != first)


def test_a_death_is_said_with_its_signal_and_the_delay(stand: Stand) -> None:
    """The line names the process, what ended it, and when it comes back."""
    processes = stand.start([stand.program("one", SLEEP)])
    os.kill(processes.pids()["one"], signal.SIGKILL)
    assert stand.until(lambda: bool(stand.said))
    assert stand.said[0].startswith("one was ended by SIGKILL, ")
    assert stand.said[0].endswith("started again in 0.05 s")


def test_a_death_is_said_with_its_exit_code_and_log(stand: Stand) -> None:
    """A program that ends by itself is named with its exit code and where to read more."""
    stand.start([stand.program("one", "raise SystemExit(7)")])
    assert stand.until(lambda: bool(stand.said))
    assert f"ended with exit code 7, see {stand.folder / 'one.log'}" in stand.said[0]


def test_delays_double_up_to_a_limit(stand: Stand) -> None:
    """A process that dies again and again is started ever later, but never too late."""
    stand.start([stand.program("one", "")]).settle()
    assert stand.until(lambda: len(stand.said) >= 4)
    delays = [line.split()[-2] for line in stand.said]
    assert delays[:4] == ["0.05", "0.1", "0.2", "0.2"]


def test_a_steady_life_forgets_the_delay(stand: Stand) -> None:
    """A process that lived long enough is started again as fast as after its first death."""
    patience = Patience(delay_first_s=0.05, steady_s=0, early_s=0)
    stand.start([stand.program("one", "")], patience=patience)
    assert stand.until(lambda: len(stand.said) >= 3)
    assert all(line.endswith(" in 0.05 s") for line in stand.said)


def test_a_program_that_never_works_is_given_up(stand: Stand) -> None:
    """After so many early deaths the last words of the program are the reason to stop."""
    stand.start([stand.program("one", "raise SystemExit('no such thing')")])
    with pytest.raises(GaveUp, match=r"(?s)one .*exit code 1.*3 times in a row.*no such thing"):
        stand.until(lambda: False)


def test_a_program_that_has_worked_is_never_given_up(stand: Stand) -> None:
    """Once everything has worked, deaths lead to restarts however many there are."""
    stand.start([stand.program("one", "")]).settle()
    assert stand.until(lambda: len(stand.said) > HASTE.early_deaths_max)


def test_a_command_that_does_not_exist_is_given_up(stand: Stand) -> None:
    """What cannot even be started is a program that does not work."""
    stand.start([replace(stand.program("one", SLEEP), command=("/nowhere",))])
    with pytest.raises(GaveUp, match="/nowhere"):
        stand.until(lambda: False)


def test_stages_start_from_the_last_and_stop_from_the_first(stand: Stand) -> None:
    """What others need is there first and goes last."""
    script = (
        "import pathlib, signal, sys, time\n"
        "note = lambda word: (pathlib.Path(sys.argv[2]) / 'order').open('a').write(word)\n"
        "def end(*_):\n    note(sys.argv[1] + ' '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\nprint('up', flush=True)\ntime.sleep(600)"
    )
    names = ["web", "worker", "simulator"]
    processes = stand.start(*[[stand.program(name, script)] for name in names])
    assert stand.until(lambda: all(stand.text(name) for name in names))
    assert list(processes.pids()) == names[::-1]
    processes.stop()
    assert (stand.folder / "order").read_text().split() == names


def test_a_process_that_ignores_sigterm_is_killed(stand: Stand) -> None:
    """What outlives its patience is killed, and that is said."""
    processes = stand.start([stand.program("one", f"{STUBBORN}; {SLEEP}", stop_s=0.1)])
    assert stand.until(lambda: "deaf" in stand.text("one"))
    pid = processes.pids()["one"]
    processes.stop()
    assert not command_line(pid)
    assert stand.said == ["one did not end within 0.1 s and was killed"]


def test_nothing_is_started_again_while_stopping(stand: Stand) -> None:
    """An orderly end is no death."""
    processes = stand.start([stand.program("one", SLEEP)])
    processes.stop()
    assert processes.pids() == {}
    assert stand.said == []


def test_kill_leaves_nothing(stand: Stand) -> None:
    """Everything is gone at once, deaf processes too."""
    names = ["one", "two"]
    processes = stand.start([stand.program(name, f"{STUBBORN}; {SLEEP}") for name in names])
    assert stand.until(lambda: all("deaf" in stand.text(name) for name in names))
    pids = processes.pids()
    processes.kill()
    assert not any(command_line(pid) for pid in pids.values())


def test_children_of_a_killed_process_go_with_it(stand: Stand) -> None:
    """What a process had started does not stand in the way of its replacement."""
    script = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
        "print(child.pid, flush=True)\ntime.sleep(600)"
    )
    processes = stand.start([stand.program("one", script)])
    assert stand.until(lambda: stand.text("one").endswith("\n"))
    grandchild = int(stand.text("one"))
    os.kill(processes.pids()["one"], signal.SIGKILL)
    assert stand.until(lambda: bool(stand.said))
    assert stand.until(lambda: not command_line(grandchild))


def test_processes_lead_sessions_of_their_own(stand: Stand) -> None:
    """A terminal's Ctrl-C reaches the supervisor alone."""
    pid = stand.start([stand.program("one", SLEEP)]).pids()["one"]
    assert os.getsid(pid) == pid


def test_a_process_is_missing_until_it_shows_that_it_works(stand: Stand) -> None:
    """Living is not enough where a heartbeat was agreed."""
    beats = stand.folder / "beats"
    beats.touch()
    processes = stand.start([replace(stand.program("one", SLEEP), heartbeat_file=beats)])
    assert processes.missing() == ["one"], "an old heartbeat counted"
    beats.touch()
    assert processes.missing() == []


def test_an_old_heartbeat_counts_for_nothing(stand: Stand) -> None:
    """A worker whose heartbeat stopped does not work."""
    beats = stand.folder / "beats"
    beats.touch()
    program = replace(stand.program("one", SLEEP), heartbeat_file=beats)
    assert works(program)
    os.utime(beats, (0, 0))
    assert not works(program)


def test_a_log_that_grew_too_long_is_set_aside(stand: Stand) -> None:
    """A start begins a new log and keeps the one before."""
    log = stand.folder / "one.log"
    with log.open("wb") as file:
        file.truncate(LOG_BYTES_MAX + 1)
    stand.start([stand.program("one", f"print('new', flush=True); {SLEEP}")])
    assert stand.until(lambda: stand.text("one") == "new\n")
    assert log.with_name("one.log.1").stat().st_size == LOG_BYTES_MAX + 1


def test_a_log_is_continued_by_the_next_process(stand: Stand) -> None:
    """What a process said before it died is not lost."""
    stand.start([stand.program("one", "print('here')")]).settle()
    assert stand.until(lambda: stand.text("one").count("here") == 2)
