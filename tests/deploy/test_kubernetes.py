"""What the Kubernetes example promises, read from its files and held against the program."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]  # no stubs among the dev tools
from typer.testing import CliRunner

from app.broker import QUEUES
from app.cli import app
from app.cli.serve import DRAIN_S
from app.cli.worker import HEARTBEAT_FRESH_S
from app.settings import PREFIX, Settings

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "deploy" / "kubernetes"
MARGIN_S: Final = 5
DRAINS: Final = ("web", "worker-interactive", "worker-batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One role: its pod, and the only container in it."""

    name: str
    pod: Mapping[str, Any]
    container: Mapping[str, Any]
    annotations: Mapping[str, str]

    @property
    def command(self) -> list[str]:
        """The argv that the container runs."""
        return list(self.container["command"])

    def option(self, name: str) -> str:
        """The value of an option of the command."""
        return self.command[self.command.index(name) + 1]


def documents() -> list[dict[str, Any]]:
    """Every object of every file."""
    files = sorted(FOLDER.glob("*.yaml"))
    return [each for file in files for each in yaml.safe_load_all(file.read_text("utf-8"))]


def found(kind: str) -> Iterator[dict[str, Any]]:
    """The objects of one kind."""
    return (each for each in documents() if each["kind"] == kind)


def roles() -> dict[str, Role]:
    """Every role by its component's name."""
    made = {}
    for each in [*found("Deployment"), *found("Job")]:
        template = each["spec"]["template"]
        name = template["metadata"]["labels"]["app.kubernetes.io/component"]
        (container,) = template["spec"]["containers"]
        annotations = template["metadata"].get("annotations", {})
        pod = template["spec"]
        made[name] = Role(name=name, pod=pod, container=container, annotations=annotations)
    return made


@pytest.fixture(scope="module")
def named() -> dict[str, Role]:
    """Every role by its component's name."""
    return roles()


def test_there_is_a_migration_a_submitter_and_a_worker_of_each_lane(named: dict[str, Role]) -> None:
    """The roles are those of the Compose file."""
    assert set(named) == {"migrate", *DRAINS}


def test_all_roles_run_one_image(named: dict[str, Role]) -> None:
    """A release is one image in four places, and never `latest`."""
    (image,) = {role.container["image"] for role in named.values()}
    assert image.rpartition(":")[2] not in ("", "latest")


@pytest.mark.parametrize("role", roles().values(), ids=lambda role: role.name)
def test_every_command_exists(role: Role) -> None:
    """Commands and probes name options that the program has."""
    probes = [role.container.get(f"{kind}Probe", {}) for kind in ("startup", "liveness")]
    checks = [probe["exec"]["command"] for probe in probes if "exec" in probe]
    for program, command, *words in [role.command, *checks]:
        assert program == "busbar"
        shown = CliRunner().invoke(app, [command, "--help"]).output
        for option in (word for word in words if word.startswith("--")):
            assert f"{option} " in shown


@pytest.mark.parametrize("role", roles().values(), ids=lambda role: role.name)
def test_every_role_is_locked_down(role: Role) -> None:
    """No root, no way to become it, nothing writable but /tmp, no token of the cluster."""
    assert role.pod["automountServiceAccountToken"] is False
    assert role.pod["securityContext"]["runAsNonRoot"] is True
    assert f"USER {role.pod['securityContext']['runAsUser']}:" in (ROOT / "Dockerfile").read_text()
    own = role.container["securityContext"]
    assert own["allowPrivilegeEscalation"] is False
    assert own["readOnlyRootFilesystem"] is True
    assert own["capabilities"] == {"drop": ["ALL"]}
    writable = [m["mountPath"] for m in role.container["volumeMounts"] if not m.get("readOnly")]
    assert writable == ["/tmp"]


def test_every_setting_is_one_that_is_read() -> None:
    """A variable that is misspelt would be ignored in silence."""
    (shared,) = found("ConfigMap")
    names = [name.removeprefix(PREFIX).lower() for name in shared["data"]]
    assert set(names) <= set(Settings.model_fields)
    Settings.model_validate(dict(zip(names, shared["data"].values(), strict=True)))


@pytest.mark.parametrize("role", roles().values(), ids=lambda role: role.name)
def test_no_service_sets_a_setting(role: Role) -> None:
    """A Service's links would be variables that begin like ours, like BUSBAR_PORT."""
    assert role.pod["enableServiceLinks"] is False


def test_the_catalog_is_where_the_setting_says(named: dict[str, Role]) -> None:
    """The key of the ConfigMap is the file's name, as `--from-file=busbar.toml` makes it."""
    (shared,) = found("ConfigMap")
    catalog = Path(shared["data"]["BUSBAR_CATALOG"])
    assert catalog.name == "busbar.toml"
    for role in named.values():
        mounts = {mount["name"]: mount["mountPath"] for mount in role.container["volumeMounts"]}
        assert mounts["catalog"] == str(catalog.parent)


@pytest.mark.parametrize("name", DRAINS)
def test_a_role_may_finish_its_drain(named: dict[str, Role], name: str) -> None:
    """The grace period is longer than the drain, with what comes before it."""
    (shared,) = found("ConfigMap")
    role = named[name]
    before = role.container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
    waits_s = int(before[-1]) if before else 0
    drain_s = DRAIN_S if name == "web" else int(shared["data"]["BUSBAR_DRAIN_S"])
    assert role.pod["terminationGracePeriodSeconds"] >= waits_s + drain_s + MARGIN_S


def test_only_readiness_asks_the_database(named: dict[str, Role]) -> None:
    """While PostgreSQL is away submitters get no traffic, and are not restarted for it."""
    web = named["web"].container
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert web["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert web["startupProbe"]["httpGet"]["path"] == "/livez"


def test_traffic_finds_the_submitters(named: dict[str, Role]) -> None:
    """The Service selects their pods, and sends to the port they listen on."""
    (service,) = found("Service")
    (deployment,) = (
        each for each in found("Deployment") if each["metadata"]["name"] == "busbar-web"
    )
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    ports = {port["name"]: port["containerPort"] for port in named["web"].container["ports"]}
    assert service["spec"]["ports"][0]["targetPort"] in ports
    assert named["web"].option("--port") == str(ports["http"])


@pytest.mark.parametrize("name", DRAINS[1:])
def test_a_worker_is_checked_by_the_file_it_touches(named: dict[str, Role], name: str) -> None:
    """And not before the file of a worker that is stuck is old enough to tell."""
    worker = named[name]
    for probe in ("startupProbe", "livenessProbe"):
        check = worker.container[probe]["exec"]["command"]
        assert check[check.index("--heartbeat-file") + 1] == worker.option("--heartbeat-file")
    assert worker.option("--heartbeat-file").startswith("/tmp/")
    assert worker.container["livenessProbe"]["periodSeconds"] >= HEARTBEAT_FRESH_S


def test_every_queue_has_a_worker(named: dict[str, Role]) -> None:
    """The workers together take all queues, and none of them twice."""
    taken = [named[name].option("--queues").split(",") for name in DRAINS[1:]]
    assert sorted(queue for queues in taken for queue in queues) == sorted(QUEUES)


@pytest.mark.parametrize("name", DRAINS)
def test_every_pod_can_be_scraped(named: dict[str, Role], name: str) -> None:
    """The annotations name the port on which the process shows its counters."""
    role = named[name]
    option = "--port" if name == "web" else "--metrics-port"
    assert role.annotations["prometheus.io/port"] == role.option(option)
    assert role.annotations["prometheus.io/scrape"] == "true"


def test_only_workers_get_the_keys_of_providers(named: dict[str, Role]) -> None:
    """Whoever breaks into a submitter finds none."""
    for name, role in named.items():
        secrets = {s["secretRef"]["name"] for s in role.container["envFrom"] if "secretRef" in s}
        assert ("busbar-providers" in secrets) == name.startswith("worker")


def test_the_instructions_name_what_there_is() -> None:
    """Every file, Secret and ConfigMap of the example is in its README."""
    text = (ROOT / "deploy" / "README.md").read_text("utf-8")
    names = {file.name for file in FOLDER.glob("*.yaml")}
    for name in (*names, "busbar-servers", "busbar-providers", "busbar-catalog", "busbar-migrate"):
        assert name in text
