"""Root's folders for state directories: below /var/lib, which everybody may pass through.

Each is named after its state directory, which it points back to, and which has a link to it.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.embedded.errors import EmbeddedError
from app.embedded.locks import Lock
from app.embedded.place import Place
from app.embedded.programs.process import is_ours, pid_in

HOMES = Path("/var/lib/busbar")
ORIGIN = "origin"
IN_USE = "in-use.lock"
DISCARDED = "discarded-"
PID_FILE = "postmaster.pid"
WAIT_S_MAX = 30.0  # for others who make a folder, or set some aside, which takes milliseconds
# What lies there nobody expects to outlive the directory that it belongs to.
PASSING_PLACES = ("/tmp", "/var/tmp")  # noqa: S108  only compared with


def home_of(place: Place) -> Path:
    """Return root's folder for a state directory, which need not exist."""
    return HOMES / place.key


def make_home(place: Place) -> Path:
    """Make root's folder for a state directory and a link to it there; both may exist.

    A folder without the link is left from a state directory that was deleted and made again:
    its data must not come back, so it is set aside, and the one set aside before it is dropped.
    What other, passing state directories left behind is removed. Raises EmbeddedError when others
    keep this one waiting for too long.
    """
    home = home_of(place)
    make_open_folder(HOMES)
    with _alone():
        is_linked = place.root_link.is_symlink()
        if home.exists() and not is_linked:
            discard(aside(home))
            home.rename(aside(home))
        make_open_folder(home)
        (home / ORIGIN).write_text(f"{place.state}\n")
        if not is_linked:
            place.root_link.symlink_to(home)
        for left in _left_behind():
            _rename(left)
    for discarded in HOMES.glob(f"{DISCARDED}*"):
        shutil.rmtree(discarded, ignore_errors=True)
    return home


def make_open_folder(path: Path) -> None:
    """Make a folder everybody may pass through, whatever our umask; an existing one is kept."""
    if not path.is_dir():
        path.mkdir(parents=True)
        path.chmod(0o755)


def aside(home: Path) -> Path:
    """Return where a folder goes that lost its state directory."""
    return home.with_name(f"{home.name}.old")


def discard(home: Path) -> None:
    """Delete a folder; if that is interrupted, whoever makes the next one completes it."""
    if home.exists():
        shutil.rmtree(_rename(home), ignore_errors=True)


def in_use(home: Path) -> Lock:
    """Return the lock that keeps a folder from being swept as long as its holder lives."""
    return Lock(home / IN_USE)


def _alone() -> Lock:
    """Keep others from making folders, and from judging those that are being made."""
    lock = Lock(HOMES / "lock")
    if not lock.wait(within_s=WAIT_S_MAX):
        lock.close()
        raise EmbeddedError(f"somebody has held {HOMES / 'lock'} for {WAIT_S_MAX:.0f} s; end them")
    return lock


def _left_behind() -> Iterator[Path]:
    """Find the folders whose state directories were in a passing place, and are gone from it."""
    places = {Path(each).resolve() for each in (*PASSING_PLACES, tempfile.gettempdir())}
    for home in HOMES.iterdir():
        with suppress(OSError, ValueError):
            state = Path((home / ORIGIN).read_text().removesuffix("\n"))
            link = Place(state=state).root_link
            is_linked = link.is_symlink() and link.readlink() == home
            passes = not places.isdisjoint(state.parents)
            if passes and not is_linked and not _is_used(home):
                yield home


def _is_used(home: Path) -> bool:
    """Return whether a supervisor, or a server that outlived one, still works there.

    A state directory may be deleted under them, or be where only they can see it.
    """
    with in_use(home) as lock:
        if not lock.attempt():
            return True
    servers = [(pid_in(data / PID_FILE), str(data)) for data in home.glob("pg[0-9]*")]
    return any(pid is not None and is_ours(pid, mark) for pid, mark in servers)


def _rename(home: Path) -> Path:
    """Give a folder a name under which nobody looks for it, and return that."""
    return home.rename(tempfile.mkdtemp(prefix=DISCARDED, dir=home.parent))
