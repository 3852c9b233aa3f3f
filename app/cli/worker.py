"""`busbar worker`: one worker process."""

import signal
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from app import broker
from app.cli import connect, orphan
from app.cli.terminal import failing
from app.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)

HEARTBEAT_FRESH_S: Final = 15
"""A heartbeat file older than this belongs to a worker that makes no progress."""


@app.command()
def worker(
    queues: Annotated[
        str, typer.Option(help="Queues to serve, in order of preference.")
    ] = ",".join(broker.QUEUES),
    heartbeat_file: Annotated[
        Path | None, typer.Option(help="Touched each second while the worker makes progress.")
    ] = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Only look whether the heartbeat file is fresh.")
    ] = False,
) -> None:
    """Run one worker until SIGTERM or Ctrl-C, which drain it."""
    if check:
        _check(heartbeat_file)
        return
    names = tuple(name.strip() for name in queues.split(",") if name.strip())
    if not names or set(names) - set(broker.QUEUES):
        known = ", ".join(broker.QUEUES)
        failing.fail(f"--queues {queues!r}: the queues are {known}", failing.USAGE)
    settings = Settings()
    with connect.served(settings, say=True) as served:
        # Its servers go with its supervisor, so there is nothing to drain into: a crash, which the
        # lease covers.
        orphan.watch(settings.parent_pid, signal.SIGKILL)
        launch(served, names, heartbeat_file)


def launch(settings: Settings, queues: tuple[str, ...], heartbeat_file: Path | None) -> None:
    """Become the worker process."""
    import importlib  # noqa: PLC0415  see below

    # `app` never imports `workers`: this one door opens it by name, as Celery itself would.
    importlib.import_module("workers.celery_app").run(
        settings, queues=queues, heartbeat_file=heartbeat_file
    )


def _check(heartbeat_file: Path | None) -> None:
    if heartbeat_file is None:
        failing.fail("--check needs --heartbeat-file", failing.USAGE)
        return
    try:
        age_s = time.time() - heartbeat_file.stat().st_mtime
    except OSError:
        failing.fail(f"{heartbeat_file}: no heartbeat yet", failing.FAILED)
        return
    if age_s > HEARTBEAT_FRESH_S:
        failing.fail(f"{heartbeat_file}: last heartbeat {age_s:.0f} s ago", failing.FAILED)
