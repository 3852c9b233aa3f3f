"""Valkey, or Redis, as the supervisor runs it: on a unix socket in a private folder."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from app.embedded.plan import ServerPlan
from app.embedded.programs import ask
from app.embedded.programs.process import Steps, end_orphan, pid_in

SOCKET = "kv.sock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Valkey:
    """One Valkey server; `server.Program` says what the methods promise."""

    plan: ServerPlan
    durable: bool

    steps: ClassVar[Steps] = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))
    first_start_s_max: ClassVar[float] = 0.0
    instead: ClassVar[str] = "BUSBAR_REDIS_URL"

    def end_orphan(self) -> None:
        """End a server left by a supervisor that was killed."""
        # The server replaces its command line by a title that names the socket.
        end_orphan(pid_in(self._pid_file), mark=str(self._socket), steps=self.steps)

    def prepare(self) -> None:
        """Make the data directory if it is missing."""
        Path(self.plan.data).mkdir(mode=0o700, exist_ok=True)

    def clear(self) -> None:
        """Remove what a dead server left."""
        self._pid_file.unlink(missing_ok=True)
        self._socket.unlink(missing_ok=True)

    def command(self) -> list[str]:
        """Return the command of the server; nothing is ever evicted, for it holds a queue."""
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": self.plan.data,
            "save": "",
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            "pidfile": str(self._pid_file),
            "logfile": "",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return [self.plan.binary, *words]

    def ready(self, pid: int) -> bool:  # noqa: ARG002  the socket is this process's by clear()
        """Return whether it answers, which it does once its data is loaded."""
        return self._socket.exists() and ask.valkey_answers(self._socket)

    @property
    def _pid_file(self) -> Path:
        return Path(self.plan.data) / "kv.pid"

    @property
    def _socket(self) -> Path:
        return Path(self.plan.sockets) / SOCKET
