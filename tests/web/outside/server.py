"""`busbar serve` in a process of its own, spoken to over its socket."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from app.cli.standing.ports import listening_port
from app.settings import Settings, child_environment

HOST = "127.0.0.1"
START_S = 30
ANSWER_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running submitter."""

    port: int
    said: Path
    """What it wrote to standard error."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"

    def talk(self, sent: bytes, *, hang_up: bool = False) -> bytes:
        """Send bytes as they are and return all that comes back until the connection ends.

        With `hang_up` nothing more will be sent, and the server is told so.
        """
        with socket.create_connection((HOST, self.port), timeout=ANSWER_S) as connection:
            connection.sendall(sent)
            if hang_up:
                connection.shutdown(socket.SHUT_WR)
            received = b""
            while chunk := connection.recv(65_536):
                received += chunk
        return received


@contextmanager
def serving(settings: Settings, said: Path) -> Iterator[Server]:
    """Run the submitter until the block ends; it answers when the block begins."""
    port = listening_port(HOST, 0, patience_s=0)
    environment = child_environment(
        {
            "BUSBAR_DATABASE_URL": settings.database_url,
            "BUSBAR_REDIS_URL": settings.redis_url,
            "BUSBAR_REDIS_PREFIX": settings.redis_prefix,
            "BUSBAR_PARENT_PID": str(os.getpid()),
            "BUSBAR_LOG_LEVEL": "DEBUG",
            **({"BUSBAR_CATALOG": str(settings.catalog)} if settings.catalog else {}),
        }
    )
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    with (
        said.open("wb") as stderr,
        subprocess.Popen(command, env=environment, stderr=stderr) as process,
    ):
        server = Server(port=port, said=said)
        try:
            _answers(server, process)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(START_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _answers(server: Server, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert process.poll() is None, server.said.read_text()
        try:
            if requests.get(f"{server.url}/readyz", timeout=ANSWER_S).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.02)
    raise AssertionError(f"the submitter does not answer: {server.said.read_text()}")
