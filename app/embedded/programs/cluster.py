"""Making PostgreSQL's data directory, complete or not at all."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from app.embedded.errors import EmbeddedError
from app.embedded.plan import ServerPlan
from app.embedded.programs.binaries import major_of
from app.embedded.programs.launch import launch

ROLE = "busbar"
INITDB_S_MAX = 120
BUILTIN_LOCALE_SINCE = 17  # PostgreSQL's major version


def ensure_cluster(plan: ServerPlan, *, durable: bool) -> None:
    """Make the data directory if it is missing; raises EmbeddedError when that fails.

    It is made beside its final name and renamed at the end: what has that name is complete,
    whatever ended us. Data is never deleted.
    """
    data = Path(plan.data)
    if (data / "PG_VERSION").exists():
        return
    if data.exists() and any(data.iterdir()):
        raise EmbeddedError(f"{data} is neither empty nor a PostgreSQL database; move it away")
    for half in data.parent.glob(f"{data.name}.new-*"):
        shutil.rmtree(half, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{data.name}.new-", dir=data.parent))
    if plan.account is not None:
        os.chown(draft, *plan.account)
    command = initdb_command(plan, draft, durable=durable)
    program = launch(command, log=Path(plan.log), account=plan.account, last_signal=signal.SIGTERM)
    try:
        code = program.wait(INITDB_S_MAX)
    except subprocess.TimeoutExpired:
        program.kill()
        code = program.wait()
    if code != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise EmbeddedError(f"initdb ended with code {code}")
    draft.rename(data)


def initdb_command(plan: ServerPlan, data: Path, *, durable: bool) -> list[str]:
    """Return the command that fills an empty data directory: UTF-8, sorted by code point."""
    program = str(Path(plan.binary).with_name("initdb"))
    command = [program, "-D", str(data), "-U", ROLE, "-A", "trust", "-E", "UTF8", "--locale=C"]
    if major_of(plan.version) >= BUILTIN_LOCALE_SINCE:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if not durable:
        command.append("--no-sync")
    return command
