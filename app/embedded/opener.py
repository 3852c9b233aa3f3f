"""Getting servers to run: find or start the supervisor, ask it, wait for its answer.

All of it happens under the start lock, by a process that already is a user.
"""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from app.embedded import detached
from app.embedded.errors import EmbeddedError
from app.embedded.locks import POLL_S, Lock
from app.embedded.place import Place, sockets
from app.embedded.plan import VALKEY, Phase, Plan, ServerPlan, Status
from app.embedded.programs.binaries import Search, find_postgres, find_valkey, major_of
from app.embedded.programs.homes import make_home
from app.embedded.programs.launch import set_aside_when_long
from app.embedded.programs.privilege import account, own_folder, within_reach
from app.embedded.server import tail

START_S_MAX = 120.0  # Recovery of a database that was killed may take long.
SPAWN_S_MAX = 30.0
SUPERVISORS_MAX = 3  # A supervisor may be ended by its last user while we come in.


def ensure_running(
    place: Place, names: Sequence[str], *, durable: bool, search: Search
) -> Mapping[str, ServerPlan]:
    """Return once these servers can be used; raises EmbeddedError when they cannot."""
    for _ in range(SUPERVISORS_MAX):
        plan = ask(place, names, durable=durable, search=search)
        if answered(place, names, plan.ask):
            return {name: plan.servers[name] for name in names}
    said = "\n  ".join(tail(place.log("supervisor"), 0))
    raise EmbeddedError(
        f"the process that runs the servers ends at once; set BUSBAR_DATABASE_URL and "
        f"BUSBAR_REDIS_URL to do without it, or see {place.log('supervisor')}:\n  {said}"
    )


def ask(place: Place, names: Sequence[str], *, durable: bool, search: Search) -> Plan:
    """Tell the supervisor, which is started if there is none, what shall run."""
    with Lock(place.supervisor_lock) as guard:
        if not guard.attempt():
            return ask_running(place, names, durable=durable, search=search)
        servers = {name: server_plan(place, name, search) for name in names}
        plan = Plan(ask=uuid.uuid4().hex, durable=durable, servers=servers)
        place.status.unlink(missing_ok=True)
        place.bell.unlink(missing_ok=True)
        os.mkfifo(place.bell, 0o600)
        plan.write(place.plan)
        spawn(place, guard)
        return plan


def ask_running(place: Place, names: Sequence[str], *, durable: bool, search: Search) -> Plan:
    """Ask a living supervisor for these servers as well.

    It is asked even when it runs them all: only a new answer proves that it still lives.
    """
    present = Plan.read(place.plan)
    if durable and not present.durable:
        raise EmbeddedError(
            f"the servers of {place.state} run without durability for somebody else; "
            "wait until they have ended or choose another state directory"
        )
    missing = {n: server_plan(place, n, search) for n in names if n not in present.servers}
    servers = {**present.servers, **missing}
    plan = Plan(ask=uuid.uuid4().hex, durable=present.durable, servers=servers)
    plan.write(place.plan)
    ring(place)
    return plan


def ring(place: Place) -> None:
    """Wake the supervisor; one that just died is found out by its lock."""
    with suppress(OSError):
        bell = os.open(place.bell, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(bell, b"!")
        finally:
            os.close(bell)


def answered(place: Place, names: Sequence[str], number: str) -> bool:
    """Wait until these servers are ready; False when the supervisor died meanwhile."""
    deadline = time.monotonic() + START_S_MAX
    with Lock(place.supervisor_lock) as guard:
        while time.monotonic() < deadline:
            status = Status.read(place.status)
            if status is not None and status.ask == number:
                failed = [one.error for n in names if (one := status.servers[n]).error]
                if failed:
                    raise EmbeddedError(failed[0])
                if all(is_ready(status, name) for name in names):
                    return True
            if guard.attempt():
                return False
            time.sleep(POLL_S)
    raise EmbeddedError(
        f"the servers of {place.state} are still starting after {START_S_MAX:.0f} s; "
        f"see {place.log('postgres')} and {place.log('valkey')}"
    )


def is_ready(status: Status, name: str) -> bool:
    """Return whether a server can be used."""
    return name in status.servers and status.servers[name].phase is Phase.READY


def server_plan(place: Place, name: str, search: Search) -> ServerPlan:
    """Choose the program, the folders and the account of a server, and make what is missing."""
    log = str(place.log(name))
    if name == VALKEY:
        found, run, data, owner = find_valkey(search), sockets(place), place.kv, None
        binary = found.path
    else:
        found, owner = find_postgres(search), account()
        folder = f"pg{major_of(found.version)}"
        if owner is None:
            binary, run, data = found.path, sockets(place), place.state / folder
        else:
            home = make_home(place)
            binary, data = within_reach(found.path, home), home / folder
            run = own_folder(home / "run", owner)
    return ServerPlan(
        binary=str(binary),
        version=found.version,
        data=str(data),
        sockets=str(run),
        log=log,
        account=owner,
    )


def spawn(place: Place, guard: Lock) -> None:
    """Start the supervisor, which inherits the lock and so holds it without a gap."""
    log = place.log("supervisor")
    set_aside_when_long(log)
    script = str(Path(detached.__file__).resolve())
    command = [sys.executable, "-P", "-S", script, str(place.state), str(guard.fileno())]
    with log.open("ab") as output:
        done = subprocess.run(  # noqa: S603  the command is made above
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            umask=0o077,
            pass_fds=(guard.fileno(),),
            start_new_session=True,
            timeout=SPAWN_S_MAX,
            check=False,
        )
    if done.returncode != 0:
        said = "\n  ".join(tail(log, 0))
        raise EmbeddedError(f"the supervisor does not start; {log} ends with:\n  {said}")
