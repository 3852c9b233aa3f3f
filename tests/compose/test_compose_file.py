"""What docker-compose.yml promises, read from the file itself."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema.validators import (  # type: ignore[import-untyped]  # no stubs among the dev tools
    validator_for,
)

from .compose_file import (
    ROOT,
    MissingVariableError,
    Service,
    compose_document,
    seconds,
    services,
)

SPECIFICATION: Final = get_builtin_schema("vendor.compose-spec")
"""The Compose Specification's own schema, as the check-jsonschema package carries it."""

SCHEMA: Final = json.loads((Path(__file__).parent / "compose.schema.json").read_text("utf-8"))
"""Narrower: the spellings this project keeps to; an unknown attribute is a mistake."""

MARGIN_AFTER_DRAIN_S: Final = 10.0
QUEUES: Final = {"interactive", "batch", "webhooks"}


def complaints(document: dict[str, Any], schema: dict[str, Any] = SCHEMA) -> list[str]:
    """What a schema says against a document, one sentence each."""
    found = validator_for(schema)(schema).iter_errors(document)
    return [f"{error.json_path}: {error.message}" for error in found]


def long_running() -> list[Service]:
    """Every service that is meant to stay up."""
    document = compose_document({"POSTGRES_PASSWORD": "swordfish"})
    return [service for service in services(document) if not service.one_shot]


def test_the_file_follows_the_compose_specification(document: dict[str, Any]) -> None:
    """Every attribute has a name and a form that the Compose Specification knows."""
    assert complaints(document, SPECIFICATION) == []


def test_the_file_keeps_to_our_spellings(document: dict[str, Any]) -> None:
    """Every attribute is one we know and use in one form."""
    assert complaints(document) == []


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("healtcheck", {}),
        ("stop_grace_period", 45),
        ("command", "busbar serve"),
        ("depends_on", {"migrate": {"condition": "service_finished"}}),
        ("restart", False),
        ("ports", ["8080:http"]),
    ],
)
def test_a_wrong_attribute_is_noticed(
    document: dict[str, Any], attribute: str, value: object
) -> None:
    """The schema refuses misspelt names, wrong types and unknown conditions."""
    document["services"]["web"][attribute] = value
    assert complaints(document) != []


def test_the_services_are_the_ones_the_documentation_names(named: dict[str, Service]) -> None:
    """Two servers, one migration, one submitter and one worker per lane."""
    ours = {"migrate", "web", "worker-interactive", "worker-batch"}
    assert {name for name, service in named.items() if service.ours} == ours
    assert set(named) - ours == {"postgres", "redis"}


def test_a_missing_password_stops_everything_with_its_name() -> None:
    """Without POSTGRES_PASSWORD nothing starts, and the message says what to set."""
    with pytest.raises(MissingVariableError, match=r"POSTGRES_PASSWORD: set it in \.env"):
        compose_document({})


@pytest.mark.parametrize("service", long_running(), ids=lambda service: service.name)
def test_a_service_that_stays_up_is_watched(service: Service) -> None:
    """Each has a health check that gives up before the next one begins."""
    check = service.attributes["healthcheck"]
    assert service.health_command
    assert seconds(check["timeout"]) < seconds(check["interval"])


@pytest.mark.parametrize("service", long_running(), ids=lambda service: service.name)
def test_a_service_that_stays_up_comes_back(service: Service) -> None:
    """A crash is followed by a restart, a deliberate stop is not."""
    assert service.attributes["restart"] == "unless-stopped"


def test_nothing_runs_as_root(named: dict[str, Service]) -> None:
    """Every service names a user, and none of them is root."""
    users = [str(service.attributes["user"]).split(":")[0] for service in named.values()]
    assert not {"", "0", "root"} & set(users)


def test_every_container_is_locked_down(named: dict[str, Service]) -> None:
    """No privileges, no capabilities, no way to gain any, and a root file system to read only."""
    for service in named.values():
        found = service.attributes
        assert not found.get("privileged", False)
        assert found["cap_drop"] == ["ALL"]
        assert "cap_add" not in found
        assert found["security_opt"] == ["no-new-privileges:true"]
        assert found["read_only"] is True
        assert found["tmpfs"]


def test_a_role_may_finish_its_drain(named: dict[str, Service]) -> None:
    """The engine waits longer than a role drains, with time for its last commits."""
    for service in named.values():
        if service.ours:
            drain_s = float(service.environment["BUSBAR_DRAIN_S"])
            assert service.stop_grace_s >= drain_s + MARGIN_AFTER_DRAIN_S


def test_a_role_gets_its_signals(named: dict[str, Service]) -> None:
    """Each role is started without a shell, under an init that passes SIGTERM on."""
    for service in named.values():
        if service.ours:
            assert service.command[0] == "busbar"
            assert service.attributes["init"] is True


def test_roles_start_on_a_finished_schema(named: dict[str, Service]) -> None:
    """The migration waits for a healthy Postgres, and every other role for the migration."""
    migrate = named["migrate"]
    assert migrate.one_shot
    assert migrate.attributes["depends_on"]["postgres"]["condition"] == "service_healthy"
    for name in ("web", "worker-interactive", "worker-batch"):
        waits = named[name].attributes["depends_on"]
        assert waits["migrate"]["condition"] == "service_completed_successfully"
        assert waits["redis"]["condition"] == "service_healthy"


def test_every_queue_has_a_worker(named: dict[str, Service]) -> None:
    """The workers together take all queues, and none of them twice."""
    commands = [named[name].command for name in ("worker-interactive", "worker-batch")]
    taken = [command[command.index("--queues") + 1].split(",") for command in commands]
    assert sorted(queue for queues in taken for queue in queues) == sorted(QUEUES)


def test_a_worker_is_checked_by_the_file_it_touches(named: dict[str, Service]) -> None:
    """The worker and its health check name the same heartbeat file, on a file system to write."""
    for name in ("worker-interactive", "worker-batch"):
        service = named[name]
        touched, read = (
            command[command.index("--heartbeat-file") + 1]
            for command in (service.command, service.health_command)
        )
        assert touched == read
        assert touched.startswith("/tmp/")


def test_a_worker_can_be_scraped_from_the_edge(named: dict[str, Service]) -> None:
    """Its metrics port is one that the image exposes, and is listened on outside the container."""
    exposed = re.findall(r"^EXPOSE (.+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    for name in ("worker-interactive", "worker-batch"):
        worker = named[name]
        assert worker.environment["BUSBAR_METRICS_PORT"] in exposed[0].split()
        assert worker.environment["BUSBAR_HOST"] == "0.0.0.0"
        assert "edge" in worker.attributes["networks"]
        assert set(named["migrate"].environment) < set(worker.environment)


def test_only_this_machine_reaches_the_api(document: dict[str, Any]) -> None:
    """By default one port is published, on loopback, and the servers have no way out or in."""
    published = {name: found.get("ports") for name, found in document["services"].items()}
    assert {name: ports for name, ports in published.items() if ports} == {
        "web": ["127.0.0.1:8080:8080"]
    }
    assert document["networks"]["data"] == {"internal": True}
    for server in ("postgres", "redis"):
        assert document["services"][server]["networks"] == ["data"]


def test_volumes_and_networks_are_declared_and_used(document: dict[str, Any]) -> None:
    """Every named volume and network is declared, and none is declared in vain."""
    found = document["services"].values()
    mounts = [mount.split(":")[0] for service in found for mount in service.get("volumes", [])]
    assert {source for source in mounts if not source.startswith(".")} == set(document["volumes"])
    joined = {network for service in found for network in service["networks"]}
    assert joined == set(document["networks"])


def test_the_default_catalog_is_mounted_where_the_roles_look(named: dict[str, Service]) -> None:
    """BUSBAR_CATALOG names the mount, which is read-only and whose source exists."""
    for service in named.values():
        if service.ours:
            source, target, mode = service.attributes["volumes"][0].split(":")
            assert (ROOT / source).is_file()
            assert target == service.environment["BUSBAR_CATALOG"]
            assert mode == "ro"


def test_the_image_runs_as_the_user_of_the_compose_file(named: dict[str, Service]) -> None:
    """The Dockerfile ends as the same unprivileged number, with a command in exec form."""
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    users = re.findall(r"^USER (\S+)$", dockerfile, re.MULTILINE)
    assert users == [named["web"].attributes["user"]]
    assert re.search(r"^(CMD|ENTRYPOINT) (?!\[)", dockerfile, re.MULTILINE) is None


def test_the_image_is_built_by_the_installer_of_the_lock() -> None:
    """The Dockerfile and ./dev pin the same installer, which reads the lock's hashes."""
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    pinned = re.search(r"^UV_PIN=(\S+)$", (ROOT / "dev").read_text("utf-8"), re.MULTILINE)
    assert pinned is not None
    assert f"{pinned[1]} \\\n    --hash=sha256:" in dockerfile
    installs = re.findall(r"(?:uv pip install|uv build|pip install)[^&]*", dockerfile)
    for install in installs:
        assert "--require-hashes" in install or "--no-deps" in install
