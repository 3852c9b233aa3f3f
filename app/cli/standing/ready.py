"""The ready file: what `busbar up` runs and the key that opens it, for scripts and later starts."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, Self

READY_BYTES_MAX: Final = 100_000
READY_FILE: Final = "ready.json"
"""Its name in the state directory."""
MODE: Final = 0o600
"""The file holds a key and perhaps a database password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A gateway that answers; without processes, what is remembered of one that was stopped."""

    base_url: str
    key: str
    account: str
    simulator_url: str | None = None
    funding_url: str | None = None
    """Where its workers buy credit: the simulated payment service, or the one in the settings."""
    database_url: str
    redis_url: str
    processes: Mapping[str, int] = field(default_factory=dict)
    """Names (`web`, `worker-1` …, `simulator`, `funding`, `postgres`, `valkey`) and process ids."""

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return what the file says; None when there is none, or none that can be understood."""
        try:
            with path.open("rb") as file:
                found = json.loads(file.read(READY_BYTES_MAX))
            texts = {name: found[name] for name in ("base_url", "key", "account")}
            texts |= {name: found[name] for name in ("database_url", "redis_url")}
            processes = {str(name): int(pid) for name, pid in found["processes"].items()}
            simulator_url, funding_url = found["simulator_url"], found.get("funding_url")
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None
        if not all(
            isinstance(text, str)
            for text in (*texts.values(), simulator_url or "", funding_url or "")
        ):
            return None
        return cls(
            **texts, simulator_url=simulator_url, funding_url=funding_url, processes=processes
        )

    def write(self, path: Path) -> None:
        """Put the file in place whole, readable by its owner alone. Raises OSError."""
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            # A draft that a killed predecessor of this id left behind may have another mode.
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w") as file:
                json.dump(asdict(self), file, indent=2)
                file.write("\n")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


class Notice:
    """The ready file of a state directory, and a second one where the caller wants it.

    The one in the state directory outlives the gateway, with no processes in it, so that the next
    start finds the key. The other exists only while everything answers.
    """

    def __init__(self, ready: Ready, *, kept: Path, extra: Path | None) -> None:
        """Write what is known already, before anything runs. Raises OSError."""
        self._ready = ready
        self._kept = kept
        self._extra = extra
        ready.write(kept)

    def update(self, pids: Mapping[str, int]) -> None:
        """Write both files where a process is new; one that is away keeps its last id.

        Raises OSError, once for each change.
        """
        processes = {**self._ready.processes, **pids}
        if processes == self._ready.processes:
            return
        self._ready = replace(self._ready, processes=processes)
        self._ready.write(self._kept)
        if self._extra is not None:
            self._ready.write(self._extra)

    def withdraw(self) -> None:
        """Nothing answers any more: say so in the one file and remove the other."""
        with suppress(OSError):
            if self._extra is not None:
                self._extra.unlink(missing_ok=True)
            replace(self._ready, processes={}).write(self._kept)
