"""`busbar serve` and `busbar worker` as processes: what they say at their start, and count."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
import requests

from app.catalog import EXAMPLE
from app.cli.standing.ports import listening_port
from app.settings import Settings

START_S: Final = 30.0
STOP_S: Final = 40.0
VARIABLE: Final = "ACME_KEY"


@pytest.fixture
def environment(settings: Settings, tmp_path: Path) -> dict[str, str]:
    """An environment with servers, and a catalog that names a variable nobody has set."""
    catalog = tmp_path / "busbar.toml"
    commented = next(line for line in EXAMPLE.read_text().splitlines() if "# api_key_env" in line)
    named = EXAMPLE.read_text().replace(commented, f'api_key_env = "{VARIABLE}"')
    catalog.write_text(named)
    ours = {
        "BUSBAR_DATABASE_URL": settings.database_url,
        "BUSBAR_REDIS_URL": settings.redis_url,
        "BUSBAR_REDIS_PREFIX": settings.redis_prefix,
        "BUSBAR_CATALOG": str(catalog),
        "BUSBAR_DRAIN_S": "1",
    }
    others = {name: text for name, text in os.environ.items() if not name.startswith("BUSBAR_")}
    return others | ours


class Server:
    """A server command that runs."""

    def __init__(self, process: "subprocess.Popen[str]", output: Path) -> None:
        self.process = process
        self._output = output

    def said(self) -> str:
        """Return all that it said."""
        return self._output.read_text("utf-8")

    def sentences(self) -> list[str]:
        """Return what it said in the command's own voice."""
        return [line for line in self.said().splitlines() if line.startswith("busbar: ")]

    def eventually(self, holds: Callable[[], bool]) -> bool:
        """Look until something holds; False when that takes too long, or the process has ended."""
        deadline = time.monotonic() + START_S
        while not holds():
            if time.monotonic() > deadline or self.process.poll() is not None:
                return False
            time.sleep(0.05)
        return True


@contextmanager
def running(folder: Path, environment: dict[str, str], *arguments: str) -> Iterator[Server]:
    """Start a command; it is stopped in the end."""
    output = folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "app.cli", *arguments],
            env=environment,
            cwd=folder,
            stdout=file,
            stderr=file,
            text=True,
        )
    try:
        yield Server(process, output)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_S)


def scrape(port: int) -> str:
    """Return what a metrics port shows; nothing while nobody listens there."""
    try:
        return requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    except requests.ConnectionError:
        return ""


@pytest.mark.parametrize("how", ["option", "variable"])
def test_a_worker_shows_its_counters(tmp_path: Path, environment: dict[str, str], how: str) -> None:
    """What a worker process counts can be scraped on the port it is given."""
    port = listening_port("127.0.0.1", 0, patience_s=0)
    option = ("--metrics-port", str(port)) if how == "option" else ()
    variable = {"BUSBAR_METRICS_PORT": str(port)} if how == "variable" else {}
    with running(tmp_path, environment | variable, "worker", *option) as worker:
        assert worker.eventually(lambda: "busbar_answers_absorbed_total 0" in scrape(port))
        assert "busbar_leases_lapsed_total" in scrape(port)


def test_a_taken_metrics_port_is_a_clear_error(tmp_path: Path, environment: dict[str, str]) -> None:
    """The line names the port, and both ways to choose another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(tmp_path, environment, "worker", f"--metrics-port={port}") as worker:
            assert worker.process.wait(START_S) == 1
    assert worker.said() == (
        f"busbar: metrics port {port} is taken; give each worker of this machine its own with "
        "--metrics-port or BUSBAR_METRICS_PORT, or 0 for none\n"
    )


def test_a_worker_says_which_key_is_missing(tmp_path: Path, environment: dict[str, str]) -> None:
    """A provider would be called without a key: its name and the variable are told at once."""
    beats = tmp_path / "beats"
    with running(tmp_path, environment, "worker", f"--heartbeat-file={beats}") as worker:
        assert worker.eventually(beats.exists)
        said = worker.sentences()
    assert said == ["busbar: provider simulator: ACME_KEY is not set; it is called without a key"]


def test_up_says_which_key_is_missing(tmp_path: Path, environment: dict[str, str]) -> None:
    """On the terminal, before anything starts, and not only in the workers' logs."""
    with running(tmp_path, environment, "up", "--port=0", "--host=192.0.2.1") as up:
        assert up.process.wait(START_S) == 1
    missing, refused = up.said().splitlines()
    assert missing == (
        "busbar: provider simulator: ACME_KEY is not set; it is called without a key"
    )
    assert refused.startswith("busbar: cannot listen on 192.0.2.1")


@pytest.mark.parametrize(
    "arguments", [("up", "--port=0", "--host=192.0.2.1"), ("serve", "--port=0"), ("worker",)]
)
def test_a_price_that_nobody_means_is_told(
    tmp_path: Path, environment: dict[str, str], arguments: tuple[str, ...]
) -> None:
    """Typed per token it would give everything away: it is said before the first job."""
    catalog = Path(environment["BUSBAR_CATALOG"])
    prices = re.compile('^input_price = "[0-9.]+"', re.MULTILINE)
    catalog.write_text(prices.sub('input_price = "0.000003"', catalog.read_text(), count=1))
    told = "input price 0.000003: less than $0.0001 per million tokens; if it is per token, write"
    with running(tmp_path, environment, *arguments) as server:
        assert server.eventually(lambda: told in server.said()) or told in server.said()


def test_a_key_that_is_there_is_not_missed(tmp_path: Path, environment: dict[str, str]) -> None:
    """With the variable set nothing is said."""
    beats, key = tmp_path / "beats", {VARIABLE: "sk-1"}
    with running(tmp_path, environment | key, "worker", f"--heartbeat-file={beats}") as worker:
        assert worker.eventually(beats.exists)
        assert worker.sentences() == []


def test_the_submitter_says_where_it_listens_and_what_the_workers_need(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """Its own calls need no key, so it only says that the variable is not set here."""
    with running(tmp_path, environment, "serve", "--port=0") as web:
        assert web.eventually(lambda: "listening on" in web.said())
        missing, listening = web.said().splitlines()
        url = listening.removeprefix("busbar: listening on ")
        assert web.eventually(lambda: bool(_answer(f"{url}/livez")))
    assert missing == (
        "busbar: provider simulator: ACME_KEY is not set here; it must be where the workers run"
    )


def test_a_taken_port_is_a_clear_error(tmp_path: Path, environment: dict[str, str]) -> None:
    """The line names the port, and the option of this very command."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(tmp_path, environment, "serve", f"--port={port}") as web:
            assert web.process.wait(START_S) == 1
    assert web.said() == f"busbar: port {port} is taken; choose another with --port\n"


@pytest.mark.parametrize(("level", "is_level"), [("info", True), ("Debug", True), ("loud", False)])
def test_a_log_level_is_taken_in_any_letter_case(
    tmp_path: Path, environment: dict[str, str], level: str, *, is_level: bool
) -> None:
    """An unknown one is named, with those there are."""
    beats, level_ = tmp_path / "beats", {"BUSBAR_LOG_LEVEL": level}
    with running(tmp_path, environment | level_, "worker", f"--heartbeat-file={beats}") as worker:
        assert worker.eventually(beats.exists) == is_level, worker.said()
    assert is_level or worker.said() == (
        f"busbar: BUSBAR_LOG_LEVEL: there is no level {level!r}; "
        "use one of DEBUG, INFO, WARNING, ERROR, CRITICAL\n"
    )


def _answer(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False
