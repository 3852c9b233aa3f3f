"""A whole gateway as a user starts it: `busbar up` in a process of its own, seen from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import requests

from app.cli.standing.ready import Ready

READY_S = 60
STOP_S = 60
LOOK_S = 0.1


class Standing:
    """One running gateway."""

    def __init__(self, process: "subprocess.Popen[bytes]", state: Path) -> None:
        self.process = process
        self.state = state
        self.ready_file = state / "ready.json"

    @property
    def ready(self) -> Ready:
        """What the ready file says now."""
        ready = Ready.read(self.ready_file)
        assert ready is not None
        return ready

    def post(self, path: str, body: Any, **headers: str) -> requests.Response:
        """Send one request to the gateway."""
        return requests.post(
            self.ready.base_url + path, json=body, headers=self._headers(headers), timeout=60
        )

    def get(self, path: str) -> requests.Response:
        """Ask the gateway."""
        return requests.get(self.ready.base_url + path, headers=self._headers({}), timeout=60)

    def simulator(self, method: str, path: str, body: Any = None) -> Any:
        """Speak to the simulator's control side."""
        url = f"{self.ready.simulator_url}{path}"
        answer = requests.request(method, url, json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def kill(self, name: str, sign: signal.Signals = signal.SIGKILL) -> bool:
        """Kill one of its processes; False when it is just being replaced."""
        try:
            os.kill(self.ready.processes[name], sign)
        except (KeyError, ProcessLookupError):
            return False
        return True

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database directly, past everything under test."""
        url = self.ready.database_url.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as conn:
            return conn.execute(query).fetchall()  # type: ignore[call-overload, no-any-return]

    def execute(self, statement: str) -> None:
        """Change the database directly, past everything under test."""
        url = self.ready.database_url.replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(statement)  # type: ignore[call-overload]

    def busbar(self, *arguments: str, timeout_s: float = 300) -> "subprocess.CompletedProcess[str]":
        """Run a `busbar` command against this gateway."""
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            env=os.environ | self.environment(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """Return what a command needs to find this gateway."""
        ready = self.ready
        return {
            "BUSBAR_DATABASE_URL": ready.database_url,
            "BUSBAR_REDIS_URL": ready.redis_url,
            "BUSBAR_BASE_URL": ready.base_url,
            "BUSBAR_KEY": ready.key,
        }

    def doctor(self) -> list[dict[str, str]]:
        """Return what the doctor finds."""
        told = json.loads(self.busbar("doctor", "--json").stdout)
        findings: list[dict[str, str]] = told["findings"]
        return findings

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.ready.key}"} | named


@contextmanager
def standing(state: Path, *, workers: int = 1, **settings: str) -> Iterator[Standing]:
    """Start a gateway in `state`, wait until it is ready, and stop it at the end."""
    log = state.with_suffix(".log").open("wb")
    arguments = ["--port", "0", "--simulator-port", "0", "--state", str(state)]
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "up", *arguments, "--workers", str(workers)],
        env=os.environ | {f"BUSBAR_{name.upper()}": value for name, value in settings.items()},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        gateway = Standing(process, state)
        eventually(lambda: gateway.ready_file.exists() and bool(gateway.ready.processes), READY_S)
        yield gateway
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        finally:
            process.kill()
            process.wait()
            log.close()


def eventually(is_true: Callable[[], bool], within_s: float) -> None:
    """Poll until something holds; fail when it does not within the bound."""
    ends = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < ends, f"not true within {within_s} s"
        time.sleep(LOOK_S)
