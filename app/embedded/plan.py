"""What openers ask of the supervisor and what it answers: two small files of JSON."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

POSTGRES = "postgres"
VALKEY = "valkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPlan:
    """One server to run: program, its version for people, folders, log, and account if not ours."""

    binary: str
    version: str
    data: str
    sockets: str
    log: str
    account: tuple[int, int] | None = None

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Read the plan back from JSON, where a pair of ids became a list."""
        account = raw["account"]
        pair = None if account is None else (int(account[0]), int(account[1]))
        return cls(**{**raw, "account": pair})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All servers to run; `ask` tells one asking from the next."""

    ask: str
    durable: bool
    servers: Mapping[str, ServerPlan]

    def write(self, path: Path) -> None:
        """Write the plan so that a reader sees all of it or none."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a plan; raises OSError when there is none and ValueError when it is damaged."""
        raw = json.loads(path.read_text())
        try:
            servers = {name: ServerPlan.of(plan) for name, plan in raw["servers"].items()}
            return cls(ask=raw["ask"], durable=raw["durable"], servers=servers)
        except (AttributeError, KeyError, TypeError, IndexError) as error:
            raise ValueError(f"{path} is damaged") from error


class Phase(StrEnum):
    """What a server is doing."""

    DOWN = "down"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatus:
    """One server: its phase, its process while it has one, and why it failed."""

    phase: Phase
    pid: int | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The supervisor's answer to the plan numbered `ask`."""

    supervisor: int
    ask: str
    servers: Mapping[str, ServerStatus]

    def write(self, path: Path) -> None:
        """Write the status so that a reader sees all of it or none."""
        write_json(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read the status; None when there is none that makes sense."""
        try:
            raw = json.loads(path.read_text())
            servers = {
                name: ServerStatus(phase=Phase(one["phase"]), pid=one["pid"], error=one["error"])
                for name, one in raw["servers"].items()
            }
            return cls(supervisor=raw["supervisor"], ask=raw["ask"], servers=servers)
        except (OSError, ValueError, AttributeError, KeyError, TypeError):
            return None

    def pids(self) -> dict[str, int]:
        """Return the processes that run now."""
        return {name: one.pid for name, one in self.servers.items() if one.pid is not None}


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Replace a file in one step; only its owner may read it."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=1)
    draft.replace(path)
