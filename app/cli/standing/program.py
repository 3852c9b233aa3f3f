"""One program that `busbar up` runs: how it is started, how it shows that it works, how it ends."""

import http.client
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app.cli.standing.heartbeat import is_fresh

ANSWER_S: Final = 2.0
"""How long one question to a process may take."""
LOG_BYTES_MAX: Final = 10_000_000
TAIL_BYTES_MAX: Final = 4_000
TAIL_LINES_MAX: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run, how to see that it works, and how long it may take to stop."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    """Gets everything the process says, at its end."""
    stop_s: float = 5.0
    """Seconds from SIGTERM to SIGKILL."""
    url: str | None = None
    """Answers 200 once the process works."""
    heartbeat_file: Path | None = None
    """Touched by the process while it works; removed before each start."""


def launch(program: Program) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own, which a terminal's Ctrl-C does not reach.

    A log that grew too long is set aside; one older one is kept. Raises OSError.
    """
    log = program.log
    if log_bytes(log) > LOG_BYTES_MAX:
        log.replace(log.with_name(f"{log.name}.1"))
    if program.heartbeat_file is not None:
        program.heartbeat_file.unlink(missing_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603  the command is made by the caller
            program.command,
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process with all it started, also when it is dead itself, and collect it."""
    # A dead leader's number stays taken while its group has members. macOS refuses to signal a
    # group in which there are only zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def works(program: Program) -> bool:
    """True when a running program shows that it works, in the way it has to show it."""
    beats, url = program.heartbeat_file, program.url
    return (beats is None or is_fresh(beats)) and (url is None or _answers(url))


def ending(code: int) -> str:
    """Say how a process with this return code ended."""
    if code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def log_bytes(log: Path) -> int:
    """Return how long a log is; 0 when there is none."""
    return log.stat().st_size if log.exists() else 0


def last_lines(log: Path, start: int = 0) -> str:
    """Return the last lines a log got after its first `start` bytes, each indented."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start if start <= size else 0, size - TAIL_BYTES_MAX))
            said = file.read().decode(errors="replace").splitlines()[-TAIL_LINES_MAX:]
    except OSError:
        said = []
    return "".join(f"\n  {line}" for line in said) or " nothing"


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_S)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
