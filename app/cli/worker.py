"""`busbar worker`: one worker process."""

import signal
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from app import broker
from app.cli import orphan, servers
from app.cli.standing.options import PORT_MAX
from app.cli.standing.plan import with_catalog
from app.cli.standing.ports import PortTaken, Refused, listening_port
from app.cli.terminal import failing, missing
from app.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)

ALL_QUEUES: Final = ",".join(broker.QUEUES)
HEARTBEAT_FRESH_S: Final = 15
"""A heartbeat file older than this belongs to a worker that makes no progress."""


Queues = Annotated[
    str,
    typer.Option(metavar="NAMES", help="Queues to serve, with commas, the preferred one first."),
]
HeartbeatFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Touched each second while the worker makes progress."),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(
        metavar="PORT",
        min=0,
        max=PORT_MAX,
        help="Show counters to Prometheus there, on BUSBAR_HOST; each worker of a machine needs a "
        "port of its own. [default: BUSBAR_METRICS_PORT, else none]",
    ),
]
Check = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Run nothing: exit 0 when the worker that touches the heartbeat file makes "
        "progress, 1 when it does not.",
    ),
]


@app.command()
def worker(
    queues: Queues = ALL_QUEUES,
    heartbeat_file: HeartbeatFile = None,
    metrics_port: MetricsPort = None,
    *,
    check: Check = False,
) -> None:
    """Run one worker until SIGTERM or Ctrl-C, which drain it.

    It takes nothing new then, finishes its calls for up to BUSBAR_DRAIN_S seconds and gives the
    rest to others. How many calls it holds at once is BUSBAR_SLOTS. The catalog is the file
    BUSBAR_CATALOG names, else ./busbar.toml, else the example.
    """
    if check:
        _check(heartbeat_file)
        return
    names = tuple(name.strip() for name in queues.split(",") if name.strip())
    if not names or set(names) - set(broker.QUEUES):
        known = ", ".join(broker.QUEUES)
        failing.fail(f"--queues {queues!r}: the queues are {known}", failing.USAGE)
    settings, about_catalog = with_catalog(_settings(metrics_port))
    missing.warn(settings, about_catalog, missing.CALLED_WITHOUT)
    with servers.served(settings, say=True) as served:
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


def _settings(metrics_port: int | None) -> Settings:
    """Return the settings with a metrics port that is free."""
    settings = Settings()
    if metrics_port is not None:
        settings = settings.model_copy(update={"metrics_port": metrics_port})
    try:
        if settings.metrics_port:
            listening_port(settings.host, settings.metrics_port, patience_s=0)
    except PortTaken:
        failing.fail(
            f"metrics port {settings.metrics_port} is taken; give each worker of this machine its "
            "own with --metrics-port or BUSBAR_METRICS_PORT, or 0 for none",
            failing.FAILED,
        )
    except Refused as error:
        failing.fail(str(error), failing.FAILED)
    return settings


def _check(heartbeat_file: Path | None) -> None:
    if heartbeat_file is None:
        failing.fail("--check needs --heartbeat-file", failing.USAGE)
    try:
        age_s = time.time() - heartbeat_file.stat().st_mtime
    except OSError:
        failing.fail(f"{heartbeat_file}: no heartbeat yet", failing.FAILED)
    if age_s > HEARTBEAT_FRESH_S:
        failing.fail(f"{heartbeat_file}: last heartbeat {age_s:.0f} s ago", failing.FAILED)
