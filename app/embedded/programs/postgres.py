"""PostgreSQL as the supervisor runs it: on a unix socket in a private folder, trusting its owner.

Trust is safe only because nobody else may enter the folder and TCP is off.
"""

import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from app.embedded.plan import ServerPlan
from app.embedded.programs import ask
from app.embedded.programs.cluster import ROLE, ensure_cluster
from app.embedded.programs.process import Steps, end_orphan, pid_in

DATABASE = "busbar"
FIRST_DATABASE = "postgres"  # initdb makes it
CONNECTIONS_MAX = 200
SHARED_BUFFERS = "128MB"
PORT = 5432  # Only part of the socket's name.
SOCKET = f".s.PGSQL.{PORT}"
STATUS_LINE = 7  # of postmaster.pid, counted from 0
NO_SUCH_DATABASE = "3D000"
FAST_AND_UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """One PostgreSQL server; `server.Program` says what the methods promise."""

    plan: ServerPlan
    durable: bool

    # SIGINT ends sessions and writes all data out; SIGQUIT leaves that to the next start.
    # SIGTERM would wait for every client to leave.
    steps: ClassVar[Steps] = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
    # It may refuse until the last session of a server that was killed has noticed that.
    first_start_s_max: ClassVar[float] = 5.0
    instead: ClassVar[str] = "BUSBAR_DATABASE_URL"

    def end_orphan(self) -> None:
        """End a server left by a supervisor that was killed."""
        end_orphan(pid_in(self._pid_file), mark=self.plan.data, steps=self.steps)

    def prepare(self) -> None:
        """Make the data directory if it is missing."""
        ensure_cluster(self.plan, durable=self.durable)

    def clear(self) -> None:
        """Remove what a dead server left; PostgreSQL itself would trust a zombie or a reused id.

        Sessions that outlived their server are still refused by it: the shared memory they hold
        is found by the data directory, without these files.
        """
        for path in (self._pid_file, self._socket, self._socket.with_name(f"{SOCKET}.lock")):
            path.unlink(missing_ok=True)

    def command(self) -> list[str]:
        """Return the command of the server."""
        settings = [
            "listen_addresses=",
            f"unix_socket_directories={self.plan.sockets}",
            "unix_socket_permissions=0700",
            f"max_connections={CONNECTIONS_MAX}",
            f"shared_buffers={SHARED_BUFFERS}",
            *(() if self.durable else FAST_AND_UNSAFE),
        ]
        command = [self.plan.binary, "-D", self.plan.data, "-p", str(PORT)]
        return command + [word for setting in settings for word in ("-c", setting)]

    def ready(self, pid: int) -> bool:
        """Return whether it accepts connections and has our database, which is made if missing."""
        try:
            lines = self._pid_file.read_text(errors="replace").splitlines()
        except OSError:
            return False
        written = len(lines) > STATUS_LINE and lines[0] == str(pid)
        return written and lines[STATUS_LINE].strip() == "ready" and self._has_database()

    def _has_database(self) -> bool:
        with suppress(OSError):
            refusal = ask.postgres_refusal(self._socket, user=ROLE, database=DATABASE)
            if refusal == NO_SUCH_DATABASE:
                query = f"CREATE DATABASE {DATABASE}"
                refusal = ask.postgres_refusal(
                    self._socket, user=ROLE, database=FIRST_DATABASE, query=query
                )
            return refusal is None
        return False

    @property
    def _pid_file(self) -> Path:
        return Path(self.plan.data) / "postmaster.pid"

    @property
    def _socket(self) -> Path:
        return Path(self.plan.sockets) / SOCKET
