"""The test stand: a gateway of a row's own on servers of its own, all gone afterwards."""

import http
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from app import embedded
from app.gateway import Gateway, open_gateway
from app.services import accounts, fund, read
from app.services.accounts import Caller
from app.settings import Settings
from bench import cost, scratch
from bench.children import POLL_S, Child, running, until
from bench.result import RowFailed

REDIS_PREFIX: Final = "bench:"
DEPOSIT_NANOS: Final = 10_000_000_000_000  # $10,000: no row comes near it
READY_S: Final = 20.0
DRAIN_S: Final = 1
COMMITS: Final = 31
FINDINGS_SHOWN: Final = 3


@contextmanager
def open_stand(
    *,
    latency_ms: int = 0,
    chunk_ms: int = 0,
    concurrency: int = 400,
    settings: Mapping[str, str] | None = None,
) -> Iterator["Stand"]:
    """Open a stand whose simulator answers after `latency_ms`; throw all of it away at the end.

    `chunk_ms` come between the chunks of its streams.

    `settings` are variables for the gateway's processes. The servers are durable: a figure without
    fsync would say nothing about money.
    """
    with ExitStack() as undo:
        directory = undo.enter_context(scratch.state())
        stack = undo.enter_context(embedded.open_stack(directory / "state", durable=True))
        assert stack.database_url is not None
        assert stack.redis_url is not None
        simulator, port = scratch.simulator(undo, directory, latency_ms, chunk_ms)
        catalog = scratch.catalog(directory, port, concurrency)
        environment = {
            "BUSBAR_DATABASE_URL": stack.database_url,
            "BUSBAR_REDIS_URL": stack.redis_url,
            "BUSBAR_REDIS_PREFIX": REDIS_PREFIX,
            "BUSBAR_CATALOG": str(catalog),
            "BUSBAR_DRAIN_S": str(DRAIN_S),
            "BUSBAR_PARENT_PID": str(os.getpid()),
            **(settings or {}),
        }
        scratch.migrate(environment)
        gateway = open_gateway(
            Settings(
                database_url=stack.database_url,
                redis_url=stack.redis_url,
                redis_prefix=REDIS_PREFIX,
                catalog=catalog,
            ),
            name="bench",
        )
        undo.callback(gateway.close)
        yield Stand(
            directory=directory,
            servers=stack.pids,
            simulator=simulator,
            simulator_port=port,
            gateway=gateway,
            environment=environment,
            undo=undo,
        )


class Stand:
    """Servers, simulator and schema stand; `web` and `worker` start the rest when it is wanted."""

    def __init__(
        self,
        *,
        directory: Path,
        servers: Mapping[str, int],
        simulator: Child,
        simulator_port: int,
        gateway: Gateway,
        environment: Mapping[str, str],
        undo: ExitStack,
    ) -> None:
        self.simulator_port = simulator_port
        self.web_port = 0
        self._directory = directory
        self._servers = servers
        self._simulator = simulator
        self._children: list[Child] = []
        self.gateway = gateway
        self._environment = environment
        self._undo = undo
        self.commit_ms = self._commit_ms()

    def web(self) -> None:
        """Start a submitter and wait until it is ready."""
        self.web_port = scratch.free_port()
        where = ("--host", "127.0.0.1", "--port", str(self.web_port))
        self._children.append(self.child("web", "app.cli", "serve", *where))
        self.until(self._is_ready, "the submitter's start", within_s=READY_S)

    def worker(self) -> None:
        """Start a worker; it takes jobs once it is up."""
        queues = ("--queues", "interactive,batch,webhooks")
        self._children.append(self.child("worker", "app.cli", "worker", *queues))

    def child(self, name: str, *arguments: str, talks: bool = False) -> Child:
        """Start a process that ends with the stand."""
        return self._undo.enter_context(
            running(
                name,
                arguments,
                directory=self._directory,
                environment=self._environment,
                talks=talks,
            )
        )

    def account(self, name: str) -> str:
        """Make an account with money, and return a key of it."""
        return self._account(name)[1].key

    def caller(self, name: str) -> Caller:
        """Make an account with money, and return who calls with a key of it."""
        account_id, key = self._account(name)
        return Caller(account_id=account_id, key_id=key.id)

    def post(self, path: str, key: str, body: bytes, *, status: int) -> bytes:
        """Post to the submitter. Raises RowFailed for an answer with another status."""
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        answered, answer = scratch.ask(self.web_port, "POST", path, body, headers)
        if answered != status:
            told = answer[:400].decode("utf-8", "replace")
            raise RowFailed(f"POST {path} was answered with {answered}: {told}")
        return answer

    def ask(self, sql: str) -> Any:
        """Return the one row a query gives."""
        with self.gateway.engine.connect() as conn:
            return conn.execute(text(sql)).one()

    def until(
        self, look: Callable[[], bool], what: str, *, within_s: float, poll_s: float = POLL_S
    ) -> None:
        """Wait until it is so. Raises TimeUp, or RowFailed when a process has ended."""
        children = [self._simulator, *self._children]
        until(look, what, within_s=within_s, children=children, poll_s=poll_s)

    def reading(self, **others: int) -> cost.Reading:
        """Read the CPU clocks of all processes; `others` are the roots of more trees."""
        simulator = {"simulator": self._simulator.pid}
        return cost.reading({**self._roots(), **self._servers, **simulator, **others})

    def calls_at_once(self) -> int:
        """Return the most calls the upstream has seen at once."""
        status, answer = scratch.ask(self.simulator_port, "GET", "/_simulator/calls?summary=1")
        if status != http.HTTPStatus.OK:
            raise RowFailed(f"the simulator did not tell its calls, but answered {status}")
        peak: int = json.loads(answer)["in_flight_peak"]
        return peak

    def fair_mb(self, name: str) -> float:
        """Return what a process tree takes now in MB, shared pages counted once."""
        return cost.fair_mb(self._roots())[name]

    def finish(self) -> dict[str, float]:
        """Ask the doctor; return the peak memory of the gateway's own programs in MB.

        Raises RowFailed for findings, and for a process that has ended meanwhile.
        """
        for child in (self._simulator, *self._children):
            child.check()
        findings = read.examine(self.gateway)
        if findings:
            some = "; ".join(
                f"{found.check}: {found.subject} {found.detail}"
                for found in findings[:FINDINGS_SHOWN]
            )
            raise RowFailed(f"the doctor found {len(findings)} wrong: {some}")
        return cost.peak_mb(self._roots())

    def _account(self, name: str) -> tuple[str, accounts.NewKey]:
        account_id = accounts.create_account(self.gateway, name)
        fund.deposit(self.gateway, account_id, DEPOSIT_NANOS, reference=None)
        return account_id, accounts.create_key(self.gateway, account_id, "bench")

    def _roots(self) -> dict[str, int]:
        return {child.name: child.pid for child in self._children}

    def _is_ready(self) -> bool:
        try:
            return scratch.ask(self.web_port, "GET", "/readyz")[0] == http.HTTPStatus.OK
        except OSError:
            return False

    def _commit_ms(self) -> float:
        """Return the median time of an empty but durable commit: what this disk's fsync costs."""
        times = []
        for _ in range(COMMITS):
            began = time.perf_counter()
            with self.gateway.engine.begin() as conn:
                conn.execute(text("SELECT pg_logical_emit_message(true, 'bench', '')"))
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1e3
