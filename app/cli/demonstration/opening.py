"""The demo's gateway: of its own, in a process of its own, gone when the play ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from rich.console import Console

from app.cli.demonstration.curtain import Curtain
from app.cli.demonstration.scratch import STATE
from app.cli.demonstration.stage import Stage, directly
from app.cli.standing.ready import Ready
from app.gateway import Gateway, open_gateway
from app.settings import secluded_environment, secluded_settings

READY_S: Final = 60
STOP_S: Final = 40
LOOK_S: Final = 0.05

SETTINGS: Final[Mapping[str, str]] = {
    "BUSBAR_LEASE_S": "4",
    "BUSBAR_NUDGE_STALE_S": "2",
    "BUSBAR_SLOTS": "16",
    "BUSBAR_FUNDING_TIMEOUT_S": "2",
    "BUSBAR_REPLENISH_COOLDOWN_S": "2",
    "NO_PROXY": "*",
    "no_proxy": "*",
}
"""Impatient leases and purchases, so that what was broken off goes on while somebody looks. Nothing
is called but this machine, so no proxy of the environment may stand in the way."""

FAULTS: Final[dict[str, Any]] = {
    "latency": {"kind": "lognormal", "median_ms": 500, "sigma": 0.6, "max_ms": 3_000},
    "rules": [{"share": 0.08, "fault": "status", "status": 503, "retry_after_s": 1}],
}
FUNDING_FAULTS: Final[dict[str, Any]] = {
    "latency_ms": 800,
    "rules": [{"fault": "decline", "times": 1}],
}


class StageFailed(Exception):
    """The demo's gateway does not start; the message holds what it said."""


@contextmanager
def open_stage(folder: Path, curtain: Curtain, console: Console) -> Iterator[Stage]:
    """Start a gateway in `folder`, and stop all of it at the end. Raises StageFailed.

    It is the demo's own: no setting, server or catalog of the operator's is used.
    """
    ready_file = folder / "ready.json"
    console.print("starting PostgreSQL, Valkey, the submitter, two workers, the simulators …")
    with (folder / "up.log").open("w+", encoding="utf-8") as log:
        process = _start(folder, ready_file, log)
        try:
            ready = _until_ready(process, ready_file, log)
            console.print(_banner(log))
            _spoil(ready)
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


def _spoil(ready: Ready) -> None:
    """Let the provider and the payment service fail now and then."""
    with directly() as session:
        for url, faults in (
            (ready.simulator_url, FAULTS),
            (ready.funding_url, FUNDING_FAULTS),
        ):
            session.put(f"{url}/_simulator/faults", json=faults, timeout=10).raise_for_status()


@contextmanager
def _gateway(ready: Ready) -> Iterator[Gateway]:
    settings = secluded_settings(database_url=ready.database_url, redis_url=ready.redis_url)
    gateway = open_gateway(settings, name="demo")
    try:
        yield gateway
    finally:
        gateway.close()


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
