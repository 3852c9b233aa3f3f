"""`busbar up` from outside: one command, real processes, and nothing left of it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner, Result

from app.cli.standing.ready import Ready
from app.cli.up import app
from app.embedded import reset
from app.embedded.programs.process import command_line

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("up")]

READY_S = 60.0  # 30 s on a machine that does nothing else
STOP_S = 30.0
KILLED_S = 15.0
QUESTION: Mapping[str, Any] = {
    "model": "text-standard",
    "messages": [{"role": "user", "content": "Why?"}],
}


class Up:
    """A `busbar up` that runs, or ran, in a state directory."""

    def __init__(self, state: Path, *more: str) -> None:
        self.state = state
        self.ready_file = state.with_suffix(".json")
        self.output = state.with_suffix(".out")
        flags = ["--port=0", "--simulator-port=0", f"--state={state}", "--workers=1"]
        self.command = [
            *(sys.executable, "-m", "app.cli", "up", *flags),
            *(f"--ready-file={self.ready_file}", *more),
        ]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                self.command, env=plain(), cwd=state.parent, stdout=output, stderr=output
            )

    def ready(self, holds: Callable[[Ready], bool] = lambda _: True) -> Ready:
        """Wait for a ready file that says something, and return it."""
        found: list[Ready] = []

        def look() -> bool:
            found[:] = [one] if (one := Ready.read(self.ready_file)) else []
            assert self.process.poll() is None, self.said()
            return bool(found) and holds(found[0])

        assert eventually(look, READY_S), self.said()
        return found[0]

    def said(self) -> str:
        """Return all that it said."""
        return self.output.read_text()

    def end(self, signum: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(signum)
        return self.process.wait(STOP_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """A gateway that was stopped and started again, and how its first life ended."""

    up: Up
    first: Ready
    first_exit: int
    left: Mapping[str, int]
    files_left: list[str]


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    """A gateway in its second life."""
    with fresh(tmp_path_factory.mktemp("up") / "state") as state, running(state) as up:
        first = up.ready()
        paid = ask(first)
        assert paid.status_code == 200, paid.text
        code = up.end()
        left = {name: pid for name, pid in first.processes.items() if command_line(pid)}
        files_left = [str(up.ready_file)] if up.ready_file.exists() else []
        with running(state) as again:
            again.ready()
            yield Lives(up=again, first=first, first_exit=code, left=left, files_left=files_left)


@contextmanager
def fresh(state: Path) -> Iterator[Path]:
    """Yield a state directory, and delete the data of its servers in the end."""
    yield state
    reset(state)


@contextmanager
def running(state: Path) -> Iterator[Up]:
    """Start a gateway; it is stopped in the end."""
    up = Up(state)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.end()


def plain() -> dict[str, str]:
    """Return an environment without settings of ours."""
    return {name: text for name, text in os.environ.items() if not name.startswith("BUSBAR_")}


def ask(ready: Ready) -> requests.Response:
    """Send one chat completion."""
    return post(ready, "/v1/chat/completions", QUESTION)


def post(ready: Ready, path: str, body: Mapping[str, Any]) -> requests.Response:
    """Send a request with the key."""
    headers = {"Authorization": f"Bearer {ready.key}"}
    return requests.post(f"{ready.base_url}{path}", json=dict(body), headers=headers, timeout=30)


def calls_in_flight(ready: Ready) -> int:
    """Ask the simulator how many calls it has not answered yet."""
    url = f"{ready.simulator_url}/_simulator/calls"
    return int(requests.get(url, params={"summary": "1"}, timeout=5).json()["in_flight"])


def balance(ready: Ready) -> dict[str, Any]:
    """Ask for the account's balance."""
    headers = {"Authorization": f"Bearer {ready.key}"}
    answer = requests.get(f"{ready.base_url}/v1/balance", headers=headers, timeout=30)
    return dict(answer.json())


def eventually(holds: Callable[[], bool], within_s: float) -> bool:
    """Look until something holds; False when that takes too long."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def refused(tmp_path: Path, *flags: str) -> "subprocess.CompletedProcess[str]":
    """Run a `busbar up` that is expected to refuse, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "up", *flags],
        env=plain(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=READY_S,
        check=False,
    )


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a way to run a `busbar up` that is expected to refuse, inside this process."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ.keys() - plain().keys():
        monkeypatch.delenv(name)
    return lambda *flags: CliRunner().invoke(app, ["--port=0", *flags])


def test_the_key_of_the_ready_file_buys_an_answer(lives: Lives) -> None:
    """Once the ready file is there, a chat completion with its key is answered."""
    answer = ask(lives.up.ready())
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["content"]


def test_the_ready_file_names_every_process(lives: Lives) -> None:
    """All processes of the house are named, and they live."""
    processes = lives.up.ready().processes
    assert set(processes) == {"web", "worker-1", "simulator", "funding", "postgres", "valkey"}
    assert all(command_line(pid) for pid in processes.values())


def test_the_ready_file_says_where_everything_is(lives: Lives) -> None:
    """Scripts find the simulator and both servers in it."""
    document = json.loads(lives.up.ready_file.read_text())
    assert {*document} == {
        *("base_url", "key", "account", "simulator_url", "database_url", "redis_url"),
        *("funding_url", "processes"),
    }
    for name in ("simulator_url", "funding_url"):
        assert requests.get(f"{document[name]}/healthz", timeout=5).text == "ok"
    assert document["database_url"].startswith("postgresql+psycopg://")
    assert document["redis_url"].startswith("unix://")


def test_the_files_with_the_key_are_private(lives: Lives) -> None:
    """Only the owner can read either ready file."""
    files = [lives.up.ready_file, lives.up.state / "ready.json"]
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]


@pytest.mark.parametrize("name", ["worker-1", "web", "simulator"])
def test_a_killed_process_is_replaced(lives: Lives, name: str) -> None:
    """After `kill -9` the ready file names another process, and requests are answered again."""
    killed = lives.up.ready().processes[name]
    os.kill(killed, signal.SIGKILL)
    ready = lives.up.ready(lambda now: now.processes[name] != killed)
    assert f"busbar: {name} was ended by SIGKILL" in lives.up.said()

    def answers() -> bool:
        try:
            return ask(ready).status_code == 200
        except requests.ConnectionError:
            return False

    assert eventually(answers, READY_S), lives.up.said()


def test_a_killed_server_is_replaced(lives: Lives) -> None:
    """The ready file follows the embedded servers too."""
    killed = lives.up.ready().processes["valkey"]
    os.kill(killed, signal.SIGKILL)
    lives.up.ready(lambda now: now.processes["valkey"] != killed)


def test_what_is_shown_can_be_pasted(lives: Lives) -> None:
    """The URL, the key and a curl command are on the screen."""
    ready = lives.up.ready()
    assert f"curl {ready.base_url}/v1/chat/completions" in lives.up.said()
    assert f"Bearer {ready.key}'" in lives.up.said()


def test_it_is_shown_how_other_terminals_reach_the_data(lives: Lives) -> None:
    """Wherever they stand: the commands look in the folder they are called in."""
    assert f"\nOther terminals: export BUSBAR_STATE_DIR={lives.up.state}\n" in lives.up.said()


def test_a_second_one_in_the_same_state_is_refused(lives: Lives, tmp_path: Path) -> None:
    """Two in one state directory would fight; the second says so and ends."""
    ended = refused(tmp_path, "--port=0", f"--state={lives.up.state}")
    assert ended.returncode == 1
    assert ended.stderr.startswith("busbar: another busbar up runs in ")


def test_sigterm_is_a_clean_stop(lives: Lives) -> None:
    """An orderly stop ends with 0, without a process or a ready file left."""
    assert (lives.first_exit, lives.left, lives.files_left) == (0, {}, [])


def test_the_next_start_has_the_same_key(lives: Lives) -> None:
    """A key that still opens the account is kept over a restart."""
    assert lives.up.ready().key == lives.first.key


def test_the_account_is_credited_once(lives: Lives) -> None:
    """A restart keeps the balance as it is: the first deposit, less what was spent."""
    lots = balance(lives.up.ready())["lots"]
    assert [lot["amount"] for lot in lots] == ["100.00"]


def test_nothing_survives_kill_9(tmp_path: Path) -> None:
    """When `busbar up` itself is killed, everything it started ends by itself."""
    with fresh(tmp_path / "state") as state, running(state) as up:
        pids = up.ready().processes
        up.process.kill()
        up.process.wait()
        assert eventually(lambda: not any(map(command_line, pids.values())), KILLED_S)


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    """While a slow call is being finished, another SIGTERM ends everything at once, with 130."""
    with fresh(tmp_path / "state") as state, running(state) as up:
        ready = up.ready()
        slow: Any = {"latency": {"kind": "fixed", "ms": 600_000}}
        requests.put(f"{ready.simulator_url}/_simulator/faults", json=slow, timeout=5)
        submitted = post(ready, "/v1/jobs", {"endpoint": "/v1/chat/completions", "body": QUESTION})
        assert submitted.status_code == 202, submitted.text
        assert eventually(lambda: calls_in_flight(ready) == 1, READY_S)
        up.process.terminate()
        assert eventually(lambda: "\nstopping; " in up.said(), STOP_S)
        assert up.end() == 130
        pids = ready.processes.values()
        assert eventually(lambda: not any(map(command_line, pids)), KILLED_S)


def test_an_interrupt_during_the_start_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C before everything answers is a clean stop as well."""
    with fresh(tmp_path / "state") as state, running(state) as up:
        assert eventually((state / "logs" / "web.log").exists, READY_S)
        assert up.end(signal.SIGINT) == 0
        assert not up.ready_file.exists()
        assert not (state / "status.json").exists(), "the servers' supervisor still runs"


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    """The line names the port and the way out, and nothing was started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = refused(tmp_path, f"--port={port}")
    said = f"busbar: port {port} is taken; busbar up --port 0 picks a free one\n"
    assert (ended.returncode, ended.stderr) == (1, said)
    assert not (tmp_path / ".busbar" / "plan.json").exists()


def test_a_broken_catalog_is_a_clear_error(tmp_path: Path) -> None:
    """The catalog is checked before anything is started."""
    catalog = tmp_path / "own.toml"
    catalog.write_text("[providers.x\n")
    ended = refused(tmp_path, "--port=0", f"--catalog={catalog}")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"busbar: {catalog}: ")
    assert not (tmp_path / ".busbar" / "plan.json").exists()


def test_an_address_of_elsewhere_is_a_clear_error(asked: Callable[..., Result]) -> None:
    """A host that is not ours is named with what to change."""
    ended = asked("--host=192.0.2.1")
    assert ended.exit_code == 1
    assert ended.stderr.startswith("busbar: cannot listen on 192.0.2.1 port 0 (")
    assert "--host" in ended.stderr


def test_the_example_needs_the_simulator(asked: Callable[..., Result]) -> None:
    """Without a catalog and without the simulator nobody could answer: a usage error."""
    ended = asked("--no-simulator")
    assert ended.exit_code == 2
    assert "--catalog FILE" in ended.stderr


@pytest.mark.parametrize("amount", ["-1", "1e3", "ten"])
def test_a_balance_that_is_no_amount_is_a_usage_error(
    asked: Callable[..., Result], amount: str
) -> None:
    """Dollars are decimal; the message shows how they look."""
    ended = asked(f"--balance={amount}")
    assert ended.exit_code == 2
    assert "12.50" in ended.stderr


def test_a_state_directory_that_is_a_file_is_a_clear_error(
    asked: Callable[..., Result], tmp_path: Path
) -> None:
    """The line names the path and the option."""
    (tmp_path / "taken").touch()
    ended = asked("--state=taken")
    assert ended.exit_code == 1
    assert f"{tmp_path / 'taken'}: File exists; --state" in ended.stderr
