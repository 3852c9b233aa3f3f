"""A gateway of real processes for the vendors' SDKs: submitter, worker, both upstream protocols."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.gateway import Gateway, open_gateway
from app.settings import Settings, child_environment
from tests.factories import Customer, make_customer
from tests.simulator.running import Simulator, simulator_of
from tests.web.outside.server import Server, serving

PROTOCOLS = ("openai", "anthropic")
POLICIES = ("drain", "estimate", "free")
STOP_S = 30
LEASE_S = 6  # a busy machine keeps a worker from its heartbeats for seconds
LEAVE_GRACE_S = 1.5
ATTEMPTS_MAX = 3
NOBODY_SELLS = "http://127.0.0.1:9"
"""A funding source that nobody answers at."""

SLASHED = "maker/openai-drain"
"""A name as clients of many vendors send it: with a slash."""

_PROVIDER = """
[providers.{name}]
protocol = "{protocol}"
base_url = "{url}/v1"
on_disconnect = "{policy}"

[instruments."{name}"]
input_price = "0.10"
output_price = "0.40"
context_tokens = 200000
output_tokens_max = 64000

[[routes]]
instrument = "{name}"
provider = "{name}"
model = "sim-{name}"
reasoning = true
"""

_SLASHED = f"""
[instruments."{SLASHED}"]
input_price = "0.10"
output_price = "0.40"
context_tokens = 200000
output_tokens_max = 64000

[[routes]]
instrument = "{SLASHED}"
provider = "openai-drain"
model = "sim-openai-drain"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Where the SDKs find the gateway, and what stands behind it.

    Its instruments are called `<upstream protocol>-<on_disconnect>`.
    """

    server: Server
    simulator: Simulator
    gateway: Gateway
    workers: "Workers"
    settings: Settings
    """Settings of all its processes: a second submitter with them serves the same jobs."""

    def customer(self, dollars: str = "10") -> Customer:
        """Make an account with a key and some money."""
        return make_customer(self.gateway, dollars)


class Workers:
    """Worker processes, one at a time; a killed one can be replaced."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process = self._start()

    def replace(self) -> None:
        """Kill the worker as a crash would, and start another."""
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def stop(self) -> None:
        """Let the worker finish and go."""
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        settings = self._settings
        environment = child_environment(
            {
                "BUSBAR_DATABASE_URL": settings.database_url,
                "BUSBAR_REDIS_URL": settings.redis_url,
                "BUSBAR_REDIS_PREFIX": settings.redis_prefix,
                "BUSBAR_CATALOG": str(settings.catalog),
                "BUSBAR_PARENT_PID": str(os.getpid()),
                "BUSBAR_LEASE_S": str(LEASE_S),
                "BUSBAR_DRAIN_S": "1",
                "BUSBAR_FUNDING_URL": NOBODY_SELLS,
                "BUSBAR_FUNDING_SECRET": "conformance",
                "BUSBAR_LEAVE_GRACE_S": str(LEAVE_GRACE_S),
                "BUSBAR_ATTEMPTS_MAX": str(ATTEMPTS_MAX),
            }
        )
        command = [sys.executable, "-m", "app.cli", "worker"]
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


@contextmanager
def house_of(settings: Settings, directory: Path) -> Iterator[House]:
    """Build the house and take it down at the end."""
    with ExitStack() as undo:
        simulator = undo.enter_context(simulator_of())
        catalog = directory / "busbar.toml"
        catalog.write_text(
            "".join(
                _PROVIDER.format(
                    name=f"{protocol}-{policy}", protocol=protocol, policy=policy, url=simulator.url
                )
                for protocol in PROTOCOLS
                for policy in POLICIES
            )
            + _SLASHED
        )
        told = settings.model_copy(update={"catalog": catalog})
        gateway = open_gateway(told, name="tests")
        undo.callback(gateway.close)
        workers = Workers(told)
        undo.callback(workers.stop)
        server = undo.enter_context(serving(told, directory / "stderr"))
        yield House(
            server=server, simulator=simulator, gateway=gateway, workers=workers, settings=told
        )
