"""Where things lie: the files of one state directory and the folder of its sockets."""

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from app.embedded.errors import EmbeddedError

# A socket address holds 108 bytes on Linux and 104 on macOS; the longest name is PostgreSQL's.
SOCKET_PATH_BYTES_MAX = 99
LONGEST_SOCKET_NAME = ".s.PGSQL.5432.lock"
# libpq and postgres read commas and quotes in socket paths as separators, "@" first as abstract.
PLAIN_PATH = re.compile(r"/[A-Za-z0-9/._+=@-]*")
SHORT_FOLDER = Path("/tmp")  # noqa: S108  the folder below it is 0700 and its owner is checked


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The files of one state directory; `state` is absolute and free of symbolic links."""

    state: Path

    @property
    def start_lock(self) -> Path:
        """Held alone while servers are started or stopped."""
        return self.state / "start.lock"

    @property
    def users_lock(self) -> Path:
        """Held, shared, by every process that uses the servers."""
        return self.state / "users.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held alone by the supervisor while it lives."""
        return self.state / "supervisor.lock"

    @property
    def plan(self) -> Path:
        """What the supervisor shall run."""
        return self.state / "plan.json"

    @property
    def status(self) -> Path:
        """What the supervisor runs."""
        return self.state / "status.json"

    @property
    def bell(self) -> Path:
        """A named pipe: a byte in it makes the supervisor look at the plan at once."""
        return self.state / "bell"

    @property
    def kv(self) -> Path:
        """Valkey's data."""
        return self.state / "kv"

    @property
    def root_link(self) -> Path:
        """For root only: points to what lies outside the state directory."""
        return self.state / "pg"

    def log(self, name: str) -> Path:
        """Return the log file of a server or of the supervisor."""
        return self.state / f"{name}.log"

    @property
    def key(self) -> str:
        """A short name of this state directory for folders elsewhere."""
        return hashlib.sha256(os.fsencode(self.state)).hexdigest()[:16]


def place_of(state_dir: Path) -> Place:
    """Return the place of a state directory, which need not exist."""
    return Place(state=Path(state_dir).resolve())


def make(place: Place) -> None:
    """Make the state directory, 0700, if it is missing; an existing one keeps its mode.

    Raises EmbeddedError when it belongs to somebody else: the servers would run programs and
    read data another account can change.
    """
    place.state.parent.mkdir(parents=True, exist_ok=True)
    place.state.mkdir(mode=0o700, exist_ok=True)
    owner = place.state.stat().st_uid
    if owner != os.geteuid():
        raise EmbeddedError(
            f"{place.state} belongs to user {owner} and this is user {os.geteuid()}; "
            "run as its owner or choose another state directory"
        )


def sockets(place: Place) -> Path:
    """Return the folder for sockets of this account, made 0700: in the state directory if it fits.

    Raises EmbeddedError when somebody else made the short folder that stands in for it.
    """
    inside = place.state / "run"
    if fits(inside):
        inside.mkdir(mode=0o700, exist_ok=True)
        return inside
    short = SHORT_FOLDER / f"busbar-{os.geteuid()}-{place.key}"
    short.mkdir(mode=0o700, exist_ok=True)
    found = short.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise EmbeddedError(
            f"{short} is not a private folder of user {os.geteuid()}; remove it, "
            "or choose a state directory with a shorter path"
        )
    return short


def fits(folder: Path) -> bool:
    """Return whether servers and clients can name sockets in this folder."""
    longest = os.fsencode(folder / LONGEST_SOCKET_NAME)
    return len(longest) <= SOCKET_PATH_BYTES_MAX and PLAIN_PATH.fullmatch(str(folder)) is not None
