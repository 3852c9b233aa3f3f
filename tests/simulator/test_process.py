"""How the simulator starts, listens and ends."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .running import TIMEOUT_S, Simulator, eventually, simulator_of


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for a simulator's files."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def placed(place: Path) -> Iterator[Simulator]:
    """Return a simulator with a port file and a socket."""
    files = ["--port-file", str(place / "port"), "--unix", str(place / "socket")]
    with simulator_of(*files) as simulator:
        yield simulator


def test_the_url_it_prints_answers(placed: Simulator) -> None:
    """The printed URL is a healthy server's."""
    healthy = placed.session.get(f"{placed.url}/healthz", timeout=TIMEOUT_S)
    assert (healthy.status_code, healthy.text) == (200, "ok")


def test_the_port_file_holds_the_port(placed: Simulator, place: Path) -> None:
    """The port is in the file once the URL is printed, and no draft is left beside it."""
    assert placed.url == f"http://127.0.0.1:{(place / 'port').read_text().strip()}"
    assert sorted(path.name for path in place.iterdir()) == ["port", "socket"]


def test_it_listens_on_a_unix_socket_too(placed: Simulator, place: Path) -> None:
    """The socket answers like the port."""
    assert placed.said["unix"] == str(place / "socket")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(TIMEOUT_S)
        connection.connect(str(place / "socket"))
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1_000).endswith(b"ok")


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_within_a_second(name: signal.Signals, tmp_path: Path) -> None:
    """Told to end it ends cleanly, with a call in flight and an idle connection open."""
    path = tmp_path / "socket"
    with simulator_of("--unix", str(path)) as simulator:
        simulator.set({"fault": "hang"})
        with _hung(simulator):
            begun = time.monotonic()
            simulator.process.send_signal(name)
            assert simulator.process.wait(TIMEOUT_S) == 0
            assert time.monotonic() - begun < 1
        assert not path.exists()


def test_it_ends_with_its_parent() -> None:
    """Asked to, it ends soon after the process that started it is killed."""
    start = (
        "import subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'app.simulator', '--exit-with-parent']\n"
        "print(subprocess.Popen(command).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", start]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.stdout.readline()
        parent.kill()
        parent.wait(TIMEOUT_S)
        assert eventually(lambda: not _alive(child), within_s=4)


def test_a_taken_port_is_one_clear_line() -> None:
    """A port that is taken ends the start with status 1 and a line that names the way out."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "app.simulator", "--port", str(taken.getsockname()[1])]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "--port" in ended.stderr


def test_help_explains_the_faults() -> None:
    """The help tells every fault and control."""
    command = [sys.executable, "-m", "app.simulator", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    told = ["cut_stream", "wrong_usage", "/_simulator/calls", "--port-file", "--exit-with-parent"]
    assert [word for word in told if word not in text] == []


def _hung(simulator: Simulator) -> socket.socket:
    """Return a connection whose call the simulator has received and never answers."""
    host, port = simulator.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
    body = b'{"model":"m","messages":[{"role":"user"}]}'
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    assert eventually(lambda: simulator.calls()["in_flight"] == 1)
    return connection


def _alive(pid: int) -> bool:
    """Say whether a process runs; one that nobody has buried yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
