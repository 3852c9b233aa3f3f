"""Every command of docker-compose.yml, run as a process against the test servers."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from .compose_file import ROOT, Service, compose_document, services

BIN: Final = Path(sys.executable).parent
EXAMPLE_CATALOG: Final = ROOT / "busbar.example.toml"
PORT_IN_CONTAINER: Final = "8080"
HEARTBEAT_IN_CONTAINER: Final = "/tmp/busbar-worker"
MIGRATE_S: Final = 60.0
WEB_UP_S: Final = 15.0
WORKER_UP_S: Final = 20.0
CHECK_S: Final = 10.0
POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Stands in for the container engine: a directory, a port and the servers' addresses."""

    directory: Path
    port: int
    metrics_port: int
    database_url: str
    redis_url: str

    def argv(self, command: list[str]) -> list[str]:
        """A command of the file, with this host's programs, port and paths."""
        found = shutil.which(command[0], path=str(BIN))
        assert found is not None, f"the image has no program {command[0]}"
        heartbeat = str(self.directory / "heartbeat")
        return [found] + [
            word.replace(HEARTBEAT_IN_CONTAINER, heartbeat).replace(
                PORT_IN_CONTAINER, str(self.port)
            )
            for word in command[1:]
        ]

    def environment(self, service: Service) -> dict[str, str]:
        """The environment of the file, and nothing else of the tests' own but PATH."""
        here = {
            "BUSBAR_DATABASE_URL": self.database_url,
            "BUSBAR_REDIS_URL": self.redis_url,
            "BUSBAR_CATALOG": str(EXAMPLE_CATALOG),
            "BUSBAR_HOST": "127.0.0.1",
            "BUSBAR_METRICS_PORT": str(self.metrics_port),
            "HOME": str(self.directory),
            "PATH": f"{BIN}:/usr/bin:/bin",
        }
        return service.environment | here

    @contextlib.contextmanager
    def running(self, service: Service) -> Iterator[subprocess.Popen[bytes]]:
        """The service's very command as a process, whose whole group is gone afterwards."""
        log = self.directory / f"{service.name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.argv(service.command),
                env=self.environment(service),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        except BaseException as error:
            error.add_note(log.read_text("utf-8", errors="replace")[-4000:])
            raise
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def healthy(self, service: Service) -> bool:
        """True when the service's own health check exits with 0."""
        checked = subprocess.run(
            self.argv(service.health_command),
            env=self.environment(service),
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHECK_S,
            check=False,
        )
        return checked.returncode == 0

    def lives(self) -> bool:
        """True when something answers 200 to /livez."""
        return answers(self.port, "/livez")

    def counts(self) -> bool:
        """True when a worker shows its counters."""
        return answers(self.metrics_port, "/metrics")


@pytest.fixture
def host(tmp_path: Path, database_url: str, redis_url: str) -> Host:
    """A place to run the commands in, on the servers of the test session."""
    with socket.socket() as probe, socket.socket() as other:
        probe.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, metrics_port = (int(each.getsockname()[1]) for each in (probe, other))
    return Host(
        directory=tmp_path,
        port=port,
        metrics_port=metrics_port,
        database_url=database_url,
        redis_url=redis_url,
    )


@pytest.fixture
def migrated(host: Host, named: dict[str, Service]) -> Host:
    """The host after the migration, on which every other role waits."""
    with host.running(named["migrate"]) as process:
        assert process.wait(MIGRATE_S) == 0
    return host


def answers(port: int, path: str) -> bool:
    """True when a port of this machine answers 200 to a path."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def until(holds: Callable[[], bool], process: subprocess.Popen[bytes], *, within_s: float) -> bool:
    """True as soon as `holds` does; False when the time is up or the process has ended."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and process.poll() is None:
        if holds():
            return True
        time.sleep(POLL_S)
    return False


def stopped(process: subprocess.Popen[bytes], service: Service) -> int:
    """The exit code after SIGTERM, within the time the container engine would give."""
    process.terminate()
    return process.wait(service.stop_grace_s)


def workers() -> list[str]:
    """The names of the services that are workers."""
    document = compose_document({"POSTGRES_PASSWORD": "swordfish"})
    return [
        service.name
        for service in services(document)
        if service.ours and service.command[1] == "worker"
    ]


def test_migrate_ends_with_success_twice(migrated: Host, named: dict[str, Service]) -> None:
    """A second migration, as every later `compose up` makes one, finds nothing to do."""
    with migrated.running(named["migrate"]) as process:
        assert process.wait(MIGRATE_S) == 0


def test_web_answers_and_its_check_agrees(migrated: Host, named: dict[str, Service]) -> None:
    """The submitter answers on /livez, and its own health check finds it ready."""
    web = named["web"]
    with migrated.running(web) as process:
        assert until(migrated.lives, process, within_s=WEB_UP_S)
        assert until(lambda: migrated.healthy(web), process, within_s=WEB_UP_S)


def test_web_stops_in_time(migrated: Host, named: dict[str, Service]) -> None:
    """After SIGTERM the submitter ends by itself, with success, within its grace."""
    web = named["web"]
    with migrated.running(web) as process:
        assert until(migrated.lives, process, within_s=WEB_UP_S)
        assert stopped(process, web) == 0


def test_the_check_of_web_fails_where_nothing_listens(
    migrated: Host, named: dict[str, Service]
) -> None:
    """The health check can fail: without a submitter it does."""
    assert not migrated.healthy(named["web"])


@pytest.mark.parametrize("name", workers())
def test_a_worker_runs_healthy_and_stops_in_time(
    migrated: Host, named: dict[str, Service], name: str
) -> None:
    """Its check turns green, it can be scraped, and after SIGTERM it ends within its grace."""
    worker = named[name]
    with migrated.running(worker) as process:
        assert until(lambda: migrated.healthy(worker), process, within_s=WORKER_UP_S)
        assert migrated.counts()
        assert stopped(process, worker) == 0


@pytest.mark.parametrize("name", workers())
def test_the_check_of_a_worker_fails_where_none_runs(
    migrated: Host, named: dict[str, Service], name: str
) -> None:
    """The health check can fail: without a worker there is no heartbeat."""
    assert not migrated.healthy(named[name])
