"""What a stand is built from: a directory, a catalog, a simulator, a schema, a free port."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from app import embedded
from app.settings import Settings, child_environment
from bench.children import ROOT, Child, running, until
from bench.result import RowFailed

EXAMPLE: Final = ROOT / "busbar.example.toml"
EXAMPLE_URL: Final = "http://127.0.0.1:8090"
EXAMPLE_CONCURRENCY: Final = "concurrency = 400"
PREFIX: Final = "bench-"
SIMULATOR_S: Final = 10.0
MIGRATE_S: Final = 30.0
HTTP_S: Final = 30.0


@contextmanager
def state() -> Iterator[Path]:
    """Give a directory that is deleted at the end, with the databases kept for it elsewhere.

    It lies beside the state of `busbar up` and not under /tmp: that may be memory, where a commit
    costs nothing.
    """
    home = Settings().state_dir.resolve()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in home.glob(f"{PREFIX}*"):
        if not _is_in_use(left):
            _delete(left)
    directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=home))
    try:
        yield directory
    finally:
        _delete(directory)


def _is_in_use(directory: Path) -> bool:
    """True while the bench that made the directory may live; one killed cannot tidy up."""
    pid = directory.name.removeprefix(PREFIX).partition("-")[0]
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return True


def _delete(directory: Path) -> None:
    try:
        embedded.reset(directory / "state")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def catalog(directory: Path, simulator_port: int, concurrency: int) -> Path:
    """Write the example catalog with the simulator's address, and so many calls at once to it."""
    changed = EXAMPLE.read_text()
    for old, new in (
        (EXAMPLE_URL, f"http://127.0.0.1:{simulator_port}"),
        (EXAMPLE_CONCURRENCY, f"concurrency = {concurrency}"),
    ):
        if old not in changed:
            raise RowFailed(f"{EXAMPLE} does not say {old!r} any more")
        changed = changed.replace(old, new)
    path = directory / "busbar.toml"
    path.write_text(changed)
    return path


def simulator(
    undo: ExitStack, directory: Path, latency_ms: int, chunk_ms: int
) -> tuple[Child, int]:
    """Start the simulator; return it with its port."""
    port_file = directory / "simulator.port"
    where = ("--host", "127.0.0.1", "--port", "0", "--port-file", str(port_file))
    child = undo.enter_context(
        running(
            "simulator",
            ("app.simulator", *where, "--exit-with-parent"),
            directory=directory,
            environment={},
        )
    )
    until(
        lambda: port_file.exists() and port_file.read_text().strip().isdecimal(),
        "the simulator's start",
        within_s=SIMULATOR_S,
        children=[child],
    )
    port = int(port_file.read_text())
    faults = json.dumps(
        {"latency": {"kind": "fixed", "ms": latency_ms, "chunk_ms": chunk_ms}}
    ).encode()
    status, answer = ask(port, "PUT", "/_simulator/faults", faults)
    if status != http.HTTPStatus.OK:
        raise RowFailed(f"the simulator refused its latency: {answer.decode(errors='replace')}")
    return child, port


def migrate(environment: Mapping[str, str]) -> None:
    """Bring the schema up."""
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "migrate"],
        cwd=ROOT,
        env=child_environment(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=MIGRATE_S,
        check=False,
    )
    if done.returncode:
        raise RowFailed(f"`busbar migrate` ended with {done.returncode}: {done.stderr[-1000:]}")


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Make one HTTP request to this machine; return status and body. Raises OSError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HTTP_S)
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise OSError(f"{method} {path}: {error!r}") from error
    finally:
        connection.close()
