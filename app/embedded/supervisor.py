"""The parent of both servers; `detached.py` is the script that runs it in a process of its own.

It is started by `opener.spawn` with the supervisor lock already held on LOCK_FD, detaches
itself, runs what plan.json names, and ends when no process holds the users' lock any more.
"""

import os
import select
import signal
import time
from pathlib import Path
from types import FrameType

from app.embedded.journal import event
from app.embedded.locks import Lock
from app.embedded.place import Place
from app.embedded.plan import POSTGRES, VALKEY, Phase, Plan, ServerPlan, Status
from app.embedded.programs.homes import in_use
from app.embedded.programs.postgres import Postgres
from app.embedded.programs.valkey import Valkey
from app.embedded.server import Program, Server

BUSY_S = 0.01  # between looks while a server starts or stops
IDLE_S = 0.1  # between looks otherwise
CLAIM_S_MAX = 1.0  # A sweep holds the lock for a moment.
RINGS_MAX = 4096  # bytes read from the bell at once
LINGER_S = 0.3  # Commands run one after the other find the servers still up.
START_ORDER = (VALKEY, POSTGRES)  # The first start of PostgreSQL blocks, that of Valkey does not.


def main(state: str, lock_fd: str) -> None:
    """Detach from the caller, then supervise until nobody uses the servers."""
    os.set_inheritable(int(lock_fd), False)
    # The caller waits for the process it started; only the forked one goes on, as nobody's child.
    if os.fork() == 0:
        Supervisor(Place(state=Path(state))).run()


class Supervisor:
    """The servers of one state directory."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._users = Lock(place.users_lock)
        self._start = Lock(place.start_lock)
        # Opened for writing too, so that it never reads as ended.
        self._bell = os.open(place.bell, os.O_RDWR | os.O_NONBLOCK)
        self._servers: dict[str, Server] = {}
        self._homes: list[Lock] = []
        self._ask = ""
        self._plan_seen: tuple[int, int] | None = None
        self._told: Status | None = None
        self._deserted_at: float | None = None
        self._ended = False

    def run(self) -> None:
        """Supervise; whatever goes wrong here, the servers are stopped."""
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, self._end)
        event("supervisor.started", pid=os.getpid())
        try:
            while not (self._ended or self._deserted(time.monotonic())):
                self._follow_plan()
                for server in self._servers.values():
                    server.tick(time.monotonic())
                self._tell()
                self._pause()
        finally:
            self._stop()
            event("supervisor.ended", pid=os.getpid())

    def _end(self, _signum: int, _frame: FrameType | None) -> None:
        self._ended = True

    def _deserted(self, now: float) -> bool:
        """Return whether the last user has gone; if so the start lock is held from then on."""
        if not self._users.attempt():
            self._deserted_at = None
            return False
        self._users.release()
        self._deserted_at = self._deserted_at or now
        if now - self._deserted_at < LINGER_S or not self._start.attempt():
            return False
        # Openers become users under the start lock, so this answer stays true.
        if self._users.attempt():
            return True
        self._start.release()
        return False

    def _follow_plan(self) -> None:
        """Take up servers that an opener asks for; raises OSError when the plan is gone."""
        found = self._place.plan.stat()
        seen = (found.st_mtime_ns, found.st_ino)
        if seen == self._plan_seen:
            return
        plan = Plan.read(self._place.plan)
        for name in START_ORDER:
            wanted, present = plan.servers.get(name), self._servers.get(name)
            if wanted and (present is None or present.phase is Phase.FAILED):
                self._claim(wanted)
                self._servers[name] = Server(program(name, wanted, durable=plan.durable))
            elif present is not None:
                present.hurry()
        self._plan_seen, self._ask = seen, plan.ask

    def _claim(self, plan: ServerPlan) -> None:
        """Keep data that lies outside the state directory from being taken for left behind."""
        if plan.account is not None:
            lock = in_use(Path(plan.data).parent)
            lock.wait(shared=True, within_s=CLAIM_S_MAX)
            self._homes.append(lock)

    def _tell(self) -> None:
        """Write the status where it changed."""
        servers = {name: server.status for name, server in self._servers.items()}
        status = Status(supervisor=os.getpid(), ask=self._ask, servers=servers)
        if status != self._told:
            status.write(self._place.status)
            self._told = status

    def _pause(self) -> None:
        """Wait for the next look, or for an opener's ring."""
        busy = any(
            server.phase in (Phase.STARTING, Phase.DOWN) for server in self._servers.values()
        )
        if select.select([self._bell], [], [], BUSY_S if busy else IDLE_S)[0]:
            os.read(self._bell, RINGS_MAX)

    def _stop(self) -> None:
        running = list(self._servers.values())
        while running:
            running = [server for server in running if not server.press(time.monotonic())]
            time.sleep(BUSY_S)
        self._place.status.unlink(missing_ok=True)
        for server in self._servers.values():
            server.tidy()


def program(name: str, plan: ServerPlan, *, durable: bool) -> Program:
    """Return the program a plan speaks of."""
    kind = Postgres if name == POSTGRES else Valkey
    return kind(plan=plan, durable=durable)
