"""docker-compose.yml as a person deploying it would get it: variables filled in, anchors merged."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped]  # no stubs among the dev tools

ROOT: Final = Path(__file__).parents[2]
COMPOSE_FILE: Final = ROOT / "docker-compose.yml"
VARIABLE: Final = re.compile(r"\$\{(?P<name>\w+)(?::(?P<how>[-?])(?P<rest>[^}]*))?\}")
UNITS_S: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
IMAGE_OF_OURS: Final = "busbar"


class MissingVariableError(Exception):
    """A variable that the file marks as required is not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of the file: its name and its attributes as the file gives them."""

    name: str
    attributes: Mapping[str, Any]

    @property
    def ours(self) -> bool:
        """True for the roles of Busbar, False for the servers it stands on."""
        return str(self.attributes["image"]).startswith(IMAGE_OF_OURS)

    @property
    def one_shot(self) -> bool:
        """True when the service is meant to end by itself."""
        return self.attributes.get("restart") == "no"

    @property
    def command(self) -> list[str]:
        """The argv that the container runs."""
        return list(self.attributes["command"])

    @property
    def environment(self) -> dict[str, str]:
        """What the file puts into the process's environment."""
        return {key: str(value) for key, value in self.attributes["environment"].items()}

    @property
    def health_command(self) -> list[str]:
        """The argv of the health check, without the leading CMD."""
        return list(self.attributes["healthcheck"]["test"][1:])

    @property
    def stop_grace_s(self) -> float:
        """How long the engine waits between SIGTERM and SIGKILL; 10 s where the file is silent."""
        return seconds(self.attributes.get("stop_grace_period", "10s"))


def compose_document(variables: Mapping[str, str]) -> dict[str, Any]:
    """The whole file with `variables` filled in; raises MissingVariableError as Compose would."""
    text = VARIABLE.sub(lambda match: _value(match, variables), COMPOSE_FILE.read_text("utf-8"))
    document: dict[str, Any] = yaml.safe_load(text)
    return document


def services(document: Mapping[str, Any]) -> list[Service]:
    """Every service of the document, in file order."""
    return [Service(name=name, attributes=found) for name, found in document["services"].items()]


def seconds(duration: str) -> float:
    """`1m30s` as 90.0."""
    return sum(
        int(amount) * UNITS_S[unit] for amount, unit in re.findall(r"(\d+)(ms|h|m|s)", duration)
    )


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    """What one `${NAME…}` becomes: https://docs.docker.com/reference/compose-file/interpolation/."""
    found = variables.get(match["name"], "")
    if found or match["how"] is None:
        return found
    if match["how"] == "?":
        raise MissingVariableError(f"{match['name']}: {match['rest']}")
    return str(match["rest"])
