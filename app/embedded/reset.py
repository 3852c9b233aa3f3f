"""Throwing the data of a state directory away."""

import os
import shutil
import time
from pathlib import Path

from app.embedded.errors import EmbeddedError
from app.embedded.locks import POLL_S, Lock
from app.embedded.place import Place, place_of
from app.embedded.plan import Plan
from app.embedded.programs.homes import aside, discard, home_of
from app.embedded.supervisor import program

STOP_S_MAX = 30.0
MOMENT_S = 0.2  # longer than the supervisor ever holds the users' lock just to look
OURS = ("pg[0-9]*", "kv", "run", "*.log", "*.log.1", "plan.json", "status.json", "bell", "pg")


def reset(state_dir: Path) -> None:
    """Delete the databases and logs of a state directory, also those outside it that are root's.

    Waits for servers that are just ending. Raises EmbeddedError when somebody uses them, or when
    they do not end. The directory itself and its lock files stay: others may be waiting there.
    """
    place = place_of(state_dir)
    if place.state.is_dir():
        with (
            Lock(place.start_lock) as start,
            Lock(place.supervisor_lock) as supervisor,
            Lock(place.users_lock) as users,
        ):
            await_end(place, start=start, supervisor=supervisor, users=users)
            end_leftovers(place)
            for pattern in OURS:
                for path in place.state.glob(pattern):
                    remove(path)
    if os.geteuid() == 0:
        discard(home_of(place))
        discard(aside(home_of(place)))


def await_end(place: Place, *, start: Lock, supervisor: Lock, users: Lock) -> None:
    """Take all three locks, which proves that nothing runs and keeps it so."""
    deadline = time.monotonic() + STOP_S_MAX
    while time.monotonic() < deadline:
        if start.attempt():
            ended = supervisor.attempt()
            if not users.wait(within_s=MOMENT_S):
                raise EmbeddedError(f"the servers of {place.state} are in use; end their users")
            if ended:
                return
            # The supervisor needs both locks to end.
            users.release()
            start.release()
        time.sleep(POLL_S)
    raise EmbeddedError(f"the servers of {place.state} do not end; see the logs there")


def end_leftovers(place: Place) -> None:
    """End servers whose supervisor was killed, and remove the folders of their sockets."""
    try:
        plan = Plan.read(place.plan)
    except (OSError, ValueError):
        return
    for name, server in plan.servers.items():
        program(name, server, durable=plan.durable).end_orphan()
        remove(Path(server.sockets))


def remove(path: Path) -> None:
    """Delete a file, a link or a whole folder; a missing one is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
