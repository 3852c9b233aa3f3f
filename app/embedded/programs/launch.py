"""Starting server programs: clean surroundings, another account if need be, tied to our life."""

import platform
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

# A locale of the machine that is missing or not UTF-8 must not reach the servers, nor PG*.
ENVIRONMENT: Mapping[str, str] = {"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"}
LOG_BYTES_MAX = 10_000_000
PR_SET_PDEATHSIG = 1  # Linux, prctl(2)


def launch(
    command: Sequence[str],
    *,
    log: Path,
    account: tuple[int, int] | None,
    last_signal: signal.Signals,
) -> subprocess.Popen[bytes]:
    """Start a program that writes to a log file; on Linux it gets `last_signal` when we die.

    Its files are private, a terminal's Ctrl-C does not reach it, and it stands in "/", which
    every account may enter. Raises OSError, or SubprocessError.
    """
    set_aside_when_long(log)
    user, group = account or (None, None)
    # The log is opened here because the other account may not reach it.
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603  the command is made in this package
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=ENVIRONMENT,
            user=user,
            group=group,
            extra_groups=None if account is None else [],
            umask=0o077,
            start_new_session=True,
            preexec_fn=at_our_death(last_signal),  # noqa: PLW1509  the supervisor has one thread
        )


def at_our_death(signum: signal.Signals) -> Callable[[], None] | None:
    """Return what a child must call to get this signal when its parent dies; None off Linux.

    Elsewhere, and where Python lacks ctypes, the next opener ends what was left running.
    """
    if platform.system() != "Linux":
        return None
    try:
        prctl = import_module("ctypes").CDLL(None).prctl
    except ImportError:
        return None
    return partial(prctl, PR_SET_PDEATHSIG, int(signum), 0, 0, 0)


def set_aside_when_long(log: Path) -> None:
    """Keep a log and the one before it, each of bounded length at the start of a program."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_name(f"{log.name}.1"))
