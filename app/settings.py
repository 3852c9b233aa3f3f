"""Settings: one frozen class, and the only reader of the environment (prefix `BUSBAR_`)."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator may set; each field is the variable `BUSBAR_` + its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="BUSBAR_", frozen=True, extra="ignore")

    database_url: str = ""
    """SQLAlchemy URL of PostgreSQL (`postgresql+psycopg://…`). Empty: the embedded server."""
    redis_url: str = ""
    """URL of Redis or Valkey (`redis://…`, `unix://…`). Empty: the embedded server."""
    state_dir: Path = Path(".busbar")
    """Where embedded servers keep their data."""
    catalog: Path | None = None
    """The catalog file (`busbar.toml`). Unset: the example catalog served by the simulator."""
    redis_prefix: str = "busbar:"
    """Put before every Redis key and channel, so that gateways can share one Redis."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    web_processes: int = Field(default=1, ge=1, le=64)
    web_threads: int = Field(default=1200, ge=8, le=10_000)
    """Waiting calls and streams one submitter process can hold; each costs one thread."""
    body_bytes_max: int = Field(default=10_000_000, ge=1_000)
    sync_wait_s: float = Field(default=600, gt=0)
    """How long a synchronous call waits before it gets 504 and the job's id."""
    deadline_s: int = Field(default=86_400, ge=1, le=604_800)
    """How long a job may take, waits included, unless its request says otherwise."""

    slots: int = Field(default=600, ge=1, le=20_000)
    """Provider calls one worker process holds at once."""
    interactive_share: float = Field(default=0.25, ge=0, le=1)
    """The part of the slots that batch lines may not take."""
    worker_threads: int = Field(default=16, ge=4, le=256)
    """Threads of a worker that take messages and write groups; not the calls in flight."""
    lease_s: float = Field(default=30, gt=0)
    """How long a worker may be silent before its jobs are given to others."""
    drain_s: float = Field(default=30, ge=0)
    """How long a stopping worker finishes its calls before it gives them back."""
    attempts_max: int = Field(default=8, ge=1, le=100)
    """Provider calls for one job before it fails."""
    nudge_stale_s: float = Field(default=5, gt=0)
    """How old an unanswered nudge must be before the sweeper rings again."""
    payload_days: float = Field(default=30, gt=0)
    """How long request and result bodies are kept after the job was made."""

    pool_size: int = Field(default=8, ge=2, le=100)
    """Database connections per process."""
    log_level: str = "WARNING"
    parent_pid: int | None = None
    """Set by a supervisor: stop when this process is gone."""

    @model_validator(mode="after")
    def _relations_hold(self) -> Self:
        if self.nudge_stale_s * 1000 < 1:
            raise ValueError("BUSBAR_NUDGE_STALE_S must be at least a millisecond")
        if self.slots * (1 - self.interactive_share) < 1:
            raise ValueError("BUSBAR_INTERACTIVE_SHARE leaves no slot for batch lines")
        return self


def provider_key(variable: str | None) -> SecretStr | None:
    """Return a provider's API key from the environment variable the catalog names, if it is set."""
    # A key mounted as a file's content often ends in a newline, which no header may hold.
    value = os.environ.get(variable, "").strip() if variable else ""
    return SecretStr(value) if value else None


def child_environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment for a child, with `overrides` on top."""
    return {**os.environ, **overrides}


def host_name() -> str:
    """Return the name workers and logs call this machine by."""
    return socket.gethostname()


class ClientSettings(BaseSettings):
    """What the commands that talk HTTP need to know."""

    model_config = SettingsConfigDict(env_prefix="BUSBAR_", frozen=True, extra="ignore")

    base_url: str = ""
    """Where the gateway answers. Empty: what `busbar up` wrote, or the default port here."""
    key: SecretStr | None = None
    """The API key. Unset: the one `busbar up` wrote."""
    state_dir: Path = Path(".busbar")


def export(settings: Settings) -> None:
    """Put the servers' URLs into the environment, where this process's children find them."""
    os.environ["BUSBAR_DATABASE_URL"] = settings.database_url
    os.environ["BUSBAR_REDIS_URL"] = settings.redis_url


def invalid(error: ValueError) -> str | None:
    """Return one sentence that names each variable at fault; None when these are not settings."""
    if not isinstance(error, ValidationError) or "Settings" not in error.title:
        return None
    return "; ".join(
        f"BUSBAR_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}"
        for fault in error.errors()
    )
