"""What the demo plays on: a gateway of its own in a process of its own, and two accounts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import requests
from rich.console import Console

from app.cli.demonstration.curtain import Curtain
from app.cli.demonstration.scratch import STATE
from app.cli.standing.ready import Ready
from app.domain.money import parse_dollars
from app.gateway import Gateway, open_gateway
from app.services import accounts, fund, read
from app.settings import secluded_environment, secluded_settings

READY_S: Final = 60
STOP_S: Final = 40
LOOK_S: Final = 0.05
DEPOSIT: Final = "5.00"

SETTINGS: Final[Mapping[str, str]] = {
    "BUSBAR_LEASE_S": "4",
    "BUSBAR_NUDGE_STALE_S": "2",
    "BUSBAR_SLOTS": "16",
}
"""Impatient leases, so that a killed worker's jobs move on while somebody looks."""

FAULTS: Final[dict[str, Any]] = {
    "latency": {"kind": "lognormal", "median_ms": 500, "sigma": 0.6, "max_ms": 3_000},
    "rules": [{"share": 0.08, "fault": "status", "status": 503, "retry_after_s": 1}],
}


class StageFailed(Exception):
    """The demo's gateway does not start; the message holds what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An account that sends prompts."""

    name: str
    model: str
    account_id: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A `busbar run` under way."""

    process: "subprocess.Popen[str]"
    out: Path

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        return self.process.wait()


class Stage:
    """The demo's gateway."""

    def __init__(self, folder: Path, ready_file: Path, gateway: Gateway, curtain: Curtain) -> None:
        self._curtain = curtain
        self._folder = folder
        self._ready_file = ready_file
        self._gateway = gateway
        self._runs: list[Run] = []

    def actor(self, name: str, model: str) -> Actor:
        """Open an account with a key and a deposit."""
        account_id = accounts.create_account(self._gateway, name)
        key = accounts.create_key(self._gateway, account_id, "demo").key
        fund.deposit(self._gateway, account_id, parse_dollars(DEPOSIT), reference="demo")
        return Actor(name=name, model=model, account_id=account_id, key=key)

    def balance(self, actor: Actor) -> int:
        """Return what an account may still spend, in nano-dollars."""
        return read.balance(self._gateway, actor.account_id).available_nanos

    def doctor(self) -> list[str]:
        """Return what is wrong with the book."""
        return [f"{f.check}: {f.subject} ({f.detail})" for f in read.examine(self._gateway)]

    def attempts(self, actor: Actor, job_ids: list[str]) -> list[int]:
        """Return how many provider calls each job took."""
        found = read.by_ids(self._gateway, actor.account_id, job_ids)
        return [job.attempts for job in found]

    def answered(self) -> int:
        """Return how many answers the provider has given so far."""
        ready = Ready.read(self._ready_file)
        url = f"{ready.simulator_url}/_simulator/calls?summary=1" if ready else ""
        with _directly() as session:
            return int(session.get(url, timeout=5).json()["answered"])

    def kill(self, name: str) -> int | None:
        """Kill a process of the gateway by force; return its id, or None when it is not there."""
        ready = Ready.read(self._ready_file)
        pid = ready.processes.get(name) if ready else None
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        return pid

    def run(self, actor: Actor, prompts: Path) -> Run:
        """Send a file of prompts; the first run shows its progress."""
        ready = Ready.read(self._ready_file)
        assert ready is not None
        out = self._folder / f"results-{actor.name}.jsonl"
        quiet = bool(self._runs)
        command = [sys.executable, "-P", "-m", "app.cli", "run", str(prompts), "--out", str(out)]
        with self._curtain.held():
            process = subprocess.Popen(  # noqa: S603  our own command
                [*command, "--model", actor.model, "--json"],
                env=secluded_environment(
                    {
                        "BUSBAR_BASE_URL": ready.base_url,
                        "BUSBAR_KEY": actor.key,
                        "BUSBAR_PARENT_PID": str(os.getpid()),
                    }
                ),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL if quiet else None,
                text=True,
            )
            self._runs.append(Run(process=process, out=out))
        return self._runs[-1]

    def end_runs(self) -> None:
        """End every `busbar run` that still goes on, at once."""
        for run in self._runs:
            run.process.kill()
            run.process.wait()


@contextmanager
def open_stage(folder: Path, curtain: Curtain, console: Console) -> Iterator[Stage]:
    """Start a gateway in `folder`, and stop all of it at the end. Raises StageFailed.

    It is the demo's own: no setting, server or catalog of the operator's is used.
    """
    ready_file = folder / "ready.json"
    console.print("starting PostgreSQL, Valkey, the submitter, two workers, the simulator …")
    with (folder / "up.log").open("w+", encoding="utf-8") as log:
        process = _start(folder, ready_file, log)
        try:
            ready = _until_ready(process, ready_file, log)
            console.print(_banner(log))
            with _directly() as session:
                session.put(f"{ready.simulator_url}/_simulator/faults", json=FAULTS, timeout=10)
            with _gateway(ready) as gateway:
                stage = Stage(folder, ready_file, gateway, curtain)
                try:
                    yield stage
                finally:
                    curtain.fall()
                    stage.end_runs()
        finally:
            curtain.fall()
            _stop(process)


@contextmanager
def _gateway(ready: Ready) -> Iterator[Gateway]:
    settings = secluded_settings(database_url=ready.database_url, redis_url=ready.redis_url)
    gateway = open_gateway(settings, name="demo")
    try:
        yield gateway
    finally:
        gateway.close()


def _directly() -> requests.Session:
    """Return a session that no proxy of the environment stands in the way of."""
    session = requests.Session()
    session.trust_env = False
    return session


def _start(folder: Path, ready_file: Path, log: IO[str]) -> "subprocess.Popen[str]":
    ports = ["--port", "0", "--simulator-port", "0", "--workers", "2"]
    files = ["--state", str(folder / STATE), "--ready-file", str(ready_file)]
    return subprocess.Popen(  # noqa: S603  our own command
        [sys.executable, "-P", "-m", "app.cli", "up", *ports, *files],
        env=secluded_environment({**SETTINGS, "BUSBAR_PARENT_PID": str(os.getpid())}),
        # Not where the operator stands: a busbar.toml there leads to providers that cost money.
        cwd=folder,
        stdout=log,
        stderr=log,
        text=True,
    )


def _stop(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _until_ready(process: "subprocess.Popen[str]", ready_file: Path, log: IO[str]) -> Ready:
    ends = time.monotonic() + READY_S
    while process.poll() is None and time.monotonic() < ends:
        ready = Ready.read(ready_file)
        if ready is not None and ready.processes:
            return ready
        time.sleep(LOOK_S)
    log.seek(0)
    raise StageFailed(f"the demo's gateway did not start; it said:\n{log.read()}")


def _banner(log: IO[str]) -> str:
    log.seek(0)
    return next((line.strip() for line in log if "PostgreSQL" in line), "")
