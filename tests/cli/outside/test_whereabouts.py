"""Where commands find a gateway's data and its catalog, called as operators call them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
import requests

from app.catalog import EXAMPLE
from app.cli.standing.plan import Plan
from app.cli.standing.programs import programs
from app.embedded import reset
from app.gateway import Gateway
from app.services import accounts
from app.settings import Settings

from .test_servers import running

BOUND_S: Final = 90
OWN: Final = EXAMPLE.read_text().replace("text-standard", "text-own")


def called(folder: Path, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end in a folder."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "app.cli", *arguments],
        env=plain() | variables,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )


def plain() -> dict[str, str]:
    """Return an environment without settings of ours."""
    return {name: text for name, text in os.environ.items() if not name.startswith("BUSBAR_")}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of a gateway that has run, with an account and its key in it."""
    folder = tmp_path_factory.mktemp("whereabouts")
    state = folder / "state"
    for arguments in (["migrate"], ["accounts", "create", "acme"], ["keys", "create", "acme"]):
        ended = called(folder, *arguments, BUSBAR_STATE_DIR=str(state))
        assert ended.returncode == 0, ended.stderr
    yield state
    reset(state)


@pytest.mark.parametrize(
    "arguments",
    [
        ["accounts", "list"],
        ["accounts", "show", "acme"],
        ["keys", "list"],
        ["keys", "create", "acme"],
        ["deposit", "acme", "5"],
        ["doctor"],
    ],
)
def test_a_state_directory_can_be_named(state: Path, tmp_path: Path, arguments: list[str]) -> None:
    """Every command that looks at the data or changes it finds those of a gateway elsewhere."""
    ended = called(tmp_path, *arguments, "--state", str(state))
    assert ended.returncode == 0, ended.stderr
    assert all(json.loads(line) for line in ended.stdout.splitlines())
    assert ended.stdout
    assert not [*tmp_path.iterdir()]


def test_no_database_is_made_by_looking_for_one(tmp_path: Path) -> None:
    """In a folder of no gateway the line says how to name another, and nothing is started."""
    ended = called(tmp_path, "accounts", "list")
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"busbar: {tmp_path / '.busbar'} holds no gateway: `busbar up`")
    assert "--state" in ended.stderr
    assert not [*tmp_path.iterdir()]


def test_a_state_directory_does_not_stand_against_a_database(state: Path, tmp_path: Path) -> None:
    """A deposit must not reach another database than the one that was meant."""
    url = "postgresql://nobody@127.0.0.1:1/none"
    ended = called(tmp_path, "deposit", "acme", "5", f"--state={state}", BUSBAR_DATABASE_URL=url)
    assert ended.returncode == 2
    assert "BUSBAR_DATABASE_URL names the database already" in ended.stderr


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """An environment with servers, and without a catalog."""
    return plain() | {
        "BUSBAR_DATABASE_URL": settings.database_url,
        "BUSBAR_REDIS_URL": settings.redis_url,
        "BUSBAR_REDIS_PREFIX": settings.redis_prefix,
        "BUSBAR_DRAIN_S": "1",
    }


def test_the_submitter_takes_the_catalog_of_the_folder(
    tmp_path: Path, environment: dict[str, str], gateway: Gateway
) -> None:
    """As `busbar up` does; the processes that answer take it too."""
    key = accounts.create_key(gateway, accounts.create_account(gateway, "acme"), "test").key
    (tmp_path / "busbar.toml").write_text(OWN)
    with running(tmp_path, environment, "serve", "--port=0") as web:
        assert web.eventually(lambda: "listening on" in web.said())
        assert web.sentences()[0] == f"busbar: the catalog is {tmp_path / 'busbar.toml'}"
        url = web.sentences()[-1].removeprefix("busbar: listening on ")
        assert web.eventually(lambda: "text-own" in sold(url, key))


def test_the_worker_takes_the_catalog_of_the_folder(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """One that cannot be used ends it, and is named."""
    (tmp_path / "busbar.toml").write_text("[providers.x\n")
    with running(tmp_path, environment, "worker") as worker:
        assert worker.process.wait(BOUND_S) == 1
    assert worker.said().startswith(f"busbar: {tmp_path / 'busbar.toml'}: ")


def test_a_catalog_that_is_named_wins(tmp_path: Path, environment: dict[str, str]) -> None:
    """What lies in the folder is not even read then, and nothing is said of it."""
    (tmp_path / "busbar.toml").write_text("[providers.x\n")
    beats, named = tmp_path / "beats", {"BUSBAR_CATALOG": str(EXAMPLE)}
    with running(tmp_path, environment | named, "worker", f"--heartbeat-file={beats}") as worker:
        assert worker.eventually(beats.exists), worker.said()
        assert worker.sentences() == []


def test_without_a_catalog_it_is_said_that_the_example_is_used(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    """An operator who started it in the wrong folder sees why nothing is known."""
    beats = tmp_path / "beats"
    with running(tmp_path, environment, "worker", f"--heartbeat-file={beats}") as worker:
        assert worker.eventually(beats.exists), worker.said()
        [said] = worker.sentences()
    assert said == (
        "busbar: neither BUSBAR_CATALOG nor ./busbar.toml names a catalog; the example is used, "
        "whose provider is the simulator"
    )


@pytest.mark.parametrize(("base", "ports"), [(0, [None, None]), (9_100, ["9100", "9101"])])
def test_workers_of_up_have_metrics_ports_of_their_own(
    tmp_path: Path, base: int, ports: list[str | None]
) -> None:
    """The first has the one that is set, each other one the next."""
    plan = Plan(
        state=tmp_path,
        host="127.0.0.1",
        port=8080,
        simulator_port=None,
        funding_port=None,
        funding_secret="",
        workers=2,
        catalog=EXAMPLE,
        instrument="text-standard",
    )
    _, workers = programs(plan, Settings(metrics_port=base))
    assert [option(worker.command, "--metrics-port") for worker in workers] == ports


def test_metrics_ports_that_do_not_suffice_are_a_usage_error(tmp_path: Path) -> None:
    """There is no port after the last."""
    ended = called(tmp_path, "up", "--workers=3", BUSBAR_METRICS_PORT="65534")
    assert ended.returncode == 2
    assert "--workers: BUSBAR_METRICS_PORT=65534" in ended.stderr


def option(command: Sequence[str], name: str) -> str | None:
    """Return what a command line says for an option."""
    words = [*command]
    return words[words.index(name) + 1] if name in words else None


def sold(url: str, key: str) -> list[str]:
    """Return the instruments a gateway sells; none while it does not answer."""
    bearer = {"Authorization": f"Bearer {key}"}
    try:
        found = requests.get(f"{url}/v1/models", headers=bearer, timeout=5).json()
    except requests.ConnectionError:
        return []
    return [each["id"] for each in found["data"]]
