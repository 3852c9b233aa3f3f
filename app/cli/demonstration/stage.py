"""What the demo plays on: a gateway, its accounts, and what can be seen and done there."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests

from app.cli.demonstration.curtain import Curtain
from app.cli.standing.ready import Ready
from app.domain.instrument import Instrument
from app.domain.job import JobState
from app.domain.money import parse_dollars
from app.gateway import Gateway
from app.services import accounts, fund, read
from app.services.replenish import policy
from app.services.replenish.policy import Standing
from app.settings import secluded_environment

WAITING_MAX: Final = 1_000
DEPOSIT_NANOS: Final = parse_dollars("5.00")
REPLENISHMENT_NANOS: Final = parse_dollars("1.00")
MONTHLY_CAP_NANOS: Final = parse_dollars("20.00")


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An account that sends prompts."""

    name: str
    model: str
    account_id: str
    key: str
    deposit_nanos: int


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

    def instrument(self, name: str) -> Instrument:
        """Return what the catalog sells under that name."""
        found = self._gateway.catalog.instrument(name)
        assert found is not None
        return found

    def actor(self, name: str, model: str, *, deposit_nanos: int = DEPOSIT_NANOS) -> Actor:
        """Open an account with a key and a deposit."""
        account_id = accounts.create_account(self._gateway, name)
        key = accounts.create_key(self._gateway, account_id, "demo").key
        fund.deposit(self._gateway, account_id, deposit_nanos, reference="demo")
        return Actor(
            name=name, model=model, account_id=account_id, key=key, deposit_nanos=deposit_nanos
        )

    def replenish(self, actor: Actor, *, threshold_nanos: int) -> None:
        """Let an account buy credit by itself."""
        policy.set_policy(
            self._gateway,
            actor.account_id,
            threshold_nanos=threshold_nanos,
            amount_nanos=REPLENISHMENT_NANOS,
            monthly_cap_nanos=MONTHLY_CAP_NANOS,
            actor="demo",
        )

    def replenishing(self, actor: Actor) -> Standing:
        """Return how an account stands that buys credit by itself."""
        found = policy.find_policy(self._gateway, actor.account_id)
        assert found is not None
        return found

    def replenishments(self, actor: Actor) -> list[int]:
        """Return what an account has bought by itself, in nano-dollars, from its book."""
        lots = read.balance(self._gateway, actor.account_id).lots
        return [lot.amount_nanos for lot in lots if lot.source == "replenishment"]

    def waiting(self, actor: Actor) -> int:
        """Return how many jobs of an account wait."""
        found, _ = read.page(
            self._gateway,
            actor.account_id,
            state=JobState.WAITING,
            custom_id=None,
            after=None,
            limit=WAITING_MAX,
        )
        return len(found)

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
        with directly() as session:
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
                [*command, "--model", actor.model, "--wait-for-balance", "--json"],
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


def directly() -> requests.Session:
    """Return a session that no proxy of the environment stands in the way of."""
    session = requests.Session()
    session.trust_env = False
    return session
