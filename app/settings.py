"""Settings: one frozen class, and the only reader of the environment (prefix `BUSBAR_`)."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX: Final = "BUSBAR_"
REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://")
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

_DRIVEN_SCHEME: Final = "postgresql+psycopg"

# An empty variable is one that is not set: some tools know no other way to leave it out.
_CONFIG: Final = SettingsConfigDict(
    env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore"
)


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise ValueError(f"there is no level {text!r}; use one of {', '.join(LOG_LEVELS)}")
    return text.upper()


def _database_url(text: str) -> str:
    scheme, mark, rest = text.partition("://")
    if not text or (mark and scheme == _DRIVEN_SCHEME):
        return text
    # Hosting services hand out URLs with these schemes, and SQLAlchemy asks for the driver.
    if mark and scheme in ("postgres", "postgresql"):
        return f"{_DRIVEN_SCHEME}://{rest}"
    raise ValueError("must begin with postgresql://, as postgresql://user:password@host/database")


def _redis_url(text: str) -> str:
    if not text or text.startswith(REDIS_SCHEMES):
        return text
    raise ValueError(f"must begin with {', '.join(REDIS_SCHEMES)}, as redis://host:6379/0")


def _funding_url(text: str) -> str:
    if not text or text.startswith(("http://", "https://")):
        return text
    raise ValueError("must begin with https:// or http://, as https://payments.example.com")


class Settings(BaseSettings):
    """What an operator may set; each field is the variable `BUSBAR_` + its name in capitals."""

    model_config = _CONFIG

    database_url: Annotated[str, AfterValidator(_database_url)] = ""
    """URL of PostgreSQL (`postgresql://…`). Empty: the embedded server."""
    redis_url: Annotated[str, AfterValidator(_redis_url)] = ""
    """URL of Redis or Valkey, with one of REDIS_SCHEMES. Empty: the embedded server."""
    state_dir: Path = Path(".busbar")
    """Where embedded servers keep their data."""
    catalog: Path | None = None
    """The catalog file. Unset: `./busbar.toml` for the commands that carry jobs, if there is one;
    else the example catalog, served by the simulator."""
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

    lot_expires_s: float | None = Field(default=None, gt=0)
    """How long a credit lasts that is given without an expiry of its own. Unset: for ever."""

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
    leave_grace_s: float = Field(default=5, ge=0)
    """How long a stream that all its clients have left waits for one to come again before its job
    is cancelled or cut short. The vendors' SDKs come again after half a second to eight seconds."""
    nudge_stale_s: float = Field(default=5, gt=0)
    """How old an unanswered nudge must be before the sweeper rings again."""
    payload_days: float = Field(default=30, gt=0)
    """How long request and result bodies are kept after the job was made."""

    funding_url: Annotated[str, AfterValidator(_funding_url)] = ""
    """Where credit is bought for accounts that replenish themselves. Empty: nowhere."""
    funding_secret: SecretStr | None = None
    """Signs every call to `funding_url`."""
    funding_timeout_s: float = Field(default=20, gt=0, le=120)
    """How long one call to `funding_url` may take before its outcome counts as unknown."""
    replenish_cooldown_s: float = Field(default=60, ge=0)
    """The least time between two purchases of one account."""
    balance_wait_s: float = Field(default=900, gt=0)
    """How long a single job waits for its balance before it fails; batch lines wait until their
    deadline."""

    pool_size: int = Field(default=8, ge=2, le=100)
    """Database connections per process."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Where a worker process shows its counters, on `host`; 0: nowhere. The submitter needs none:
    it shows its own at /metrics."""
    log_level: Annotated[str, AfterValidator(_log_level)] = "WARNING"
    """One of LOG_LEVELS, in any letter case."""
    parent_pid: int | None = None
    """Set by a supervisor: stop when this process is gone."""

    @model_validator(mode="after")
    def _relations_hold(self) -> Self:
        if self.nudge_stale_s * 1000 < 1:
            raise ValueError("BUSBAR_NUDGE_STALE_S must be at least a millisecond")
        if self.slots * (1 - self.interactive_share) < 1:
            raise ValueError("BUSBAR_INTERACTIVE_SHARE leaves no slot for batch lines")
        if self.funding_url and self.funding_secret is None:
            raise ValueError(
                "BUSBAR_FUNDING_URL needs BUSBAR_FUNDING_SECRET, which signs the calls"
            )
        return self


def provider_key(variable: str | None) -> SecretStr | None:
    """Return a provider's API key from the environment variable the catalog names, if it is set."""
    # A key mounted as a file's content often ends in a newline, which no header may hold.
    value = os.environ.get(variable, "").strip() if variable else ""
    return SecretStr(value) if value else None


def child_environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment for a child, with `overrides` on top."""
    return {**os.environ, **overrides}


def secluded_environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a child that must not see the operator's settings."""
    # Settings are read in any letter case, so they are left out in any.
    others = {
        name: text for name, text in os.environ.items() if not name.upper().startswith(PREFIX)
    }
    return {**others, **overrides}


def secluded_settings(*, database_url: str, redis_url: str) -> Settings:
    """Return settings that are all at their defaults but these, whatever the environment says."""
    return _SecludedSettings(database_url=database_url, redis_url=redis_url)


def host_name() -> str:
    """Return the name workers and logs call this machine by."""
    return socket.gethostname()


class ClientSettings(BaseSettings):
    """What the commands that talk HTTP need to know."""

    model_config = _CONFIG

    base_url: str = ""
    """Where the gateway answers. Empty: what `busbar up` wrote, or the default port here."""
    key: SecretStr | None = None
    """The API key. Unset: the one `busbar up` wrote."""
    state_dir: Path = Path(".busbar")
    parent_pid: int | None = None
    """Set by the demo: stop when this process is gone."""


def export(settings: Settings) -> None:
    """Put the servers' URLs and the catalog where this process's children find them."""
    os.environ["BUSBAR_DATABASE_URL"] = settings.database_url
    os.environ["BUSBAR_REDIS_URL"] = settings.redis_url
    os.environ["BUSBAR_CATALOG"] = str(settings.catalog or "")


def spare_thread_caches() -> None:
    """Let the server's allocator keep little aside for each of its threads.

    It reads this when it is loaded, so call this first. A submitter has a thread per open call,
    most of them asleep: a thousand streams take 45 MB less, at no cost that could be measured.
    Source: jemalloc's manual, "TUNING"; the prefix is that of the build inside Granian.
    """
    os.environ.setdefault("_RJEM_MALLOC_CONF", "tcache_max:4096,tcache_nslots_small_max:8")


def invalid(error: ValueError) -> str | None:
    """Return one sentence that names each variable at fault; None when these are not settings."""
    if not isinstance(error, ValidationError) or "Settings" not in error.title:
        return None
    return "; ".join(_sentence(fault["loc"], fault["msg"]) for fault in error.errors())


def _sentence(loc: tuple[int | str, ...], message: str) -> str:
    said = message.removeprefix("Value error, ")
    # What is wrong between several variables names them itself.
    return f"{PREFIX}{loc[0]}".upper() + f": {said}" if loc else said


class _SecludedSettings(Settings):
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  the names are pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)
