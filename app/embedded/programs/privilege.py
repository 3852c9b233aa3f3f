"""PostgreSQL refuses to run as root: an account for it, and folders that account can reach.

No user is created and no mode of an existing folder is changed. What `nobody` needs lies in a
folder of ours below /var/lib, see `homes`.
"""

import os
import pwd
import shutil
import stat
import tempfile
from pathlib import Path

from app.embedded.errors import EmbeddedError

ACCOUNT = "nobody"
COPIED = ("bin", "lib", "share")


def account() -> tuple[int, int] | None:
    """Return the user and group PostgreSQL shall run as; None for "the same as we do"."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        raise EmbeddedError(
            f"PostgreSQL does not run as root and there is no account '{ACCOUNT}' for it; "
            "run as another user or set BUSBAR_DATABASE_URL to use a server of your own"
        ) from None
    return entry.pw_uid, entry.pw_gid


def own_folder(path: Path, owner: tuple[int, int] | None) -> Path:
    """Make a folder only that account may enter; an existing one is kept."""
    if not path.is_dir():
        path.mkdir(mode=0o700)
        if owner is not None:
            os.chown(path, *owner)
    return path


def within_reach(binary: Path, home: Path) -> Path:
    """Return a PostgreSQL server that everybody can run: this one, or a copy of it in `home`."""
    if everybody_can_run(binary):
        return binary
    install = binary.parent.parent
    package, libraries = install.parent, install.parent.with_name(f"{install.parent.name}.libs")
    copy = home / f"server-{binary.stat().st_mtime_ns:x}"
    if not copy.exists():
        for old in home.glob("server*"):  # Of an earlier version, or cut short.
            shutil.rmtree(old)
        draft = Path(tempfile.mkdtemp(prefix="server.new-", dir=home))
        for folder in COPIED:
            if (install / folder).is_dir():
                shutil.copytree(install / folder, draft / package.name / install.name / folder)
        if libraries.is_dir():  # Programs find them by a path relative to their own.
            shutil.copytree(libraries, draft / libraries.name)
        open_to_everybody(draft)
        draft.rename(copy)
    return copy / package.name / install.name / "bin" / binary.name


def everybody_can_run(binary: Path) -> bool:
    """Return whether any account may pass all folders above a program and run it."""
    folders = all(parent.stat().st_mode & stat.S_IXOTH for parent in binary.resolve().parents)
    return folders and bool(binary.stat().st_mode & stat.S_IXOTH)


def open_to_everybody(top: Path) -> None:
    """Let every account read a tree of ours and run its programs."""
    top.chmod(0o755)
    for path in top.rglob("*"):
        if not path.is_symlink():
            runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if runs else 0o644)
