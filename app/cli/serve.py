"""`busbar serve`: the submitter, Falcon on Granian."""

import logging
import signal
import sys
from typing import Annotated, Final

import typer

from app.cli import orphan, servers
from app.cli.standing.options import PORT_MAX
from app.cli.standing.plan import with_catalog
from app.cli.standing.ports import PortTaken, Refused, listening_port, url_of
from app.cli.terminal import failing, missing
from app.settings import Settings, export, spare_thread_caches

app = typer.Typer(add_completion=False, rich_markup_mode=None)

PROCESSES_MAX: Final = 64
BACKLOG: Final = 2_048
DRAIN_S: Final = 30
"""How long a stopping process may finish answers it has begun."""


Host = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Address to listen on. [default: BUSBAR_HOST, else 127.0.0.1]"
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        metavar="PORT",
        min=0,
        max=PORT_MAX,
        help="Port to listen on; 0 takes a free one. [default: BUSBAR_PORT, else 8080]",
    ),
]
WebProcesses = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=PROCESSES_MAX,
        help="Submitter processes. [default: BUSBAR_WEB_PROCESSES, else 1]",
    ),
]


@app.command()
def serve(host: Host = None, port: Port = None, processes: WebProcesses = None) -> None:
    """Run the submitter, which answers HTTP, until SIGTERM or Ctrl-C.

    Answers it has begun are finished then. Something has to carry the jobs: `busbar worker`. The
    catalog is the file BUSBAR_CATALOG names, else ./busbar.toml, else the example.
    """
    settings, about_catalog = with_catalog(Settings())
    logging.basicConfig(
        level=settings.log_level, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s"
    )
    address, number = host or settings.host, settings.port if port is None else port
    try:
        number = listening_port(address, number, patience_s=0)
    except PortTaken:
        failing.fail(f"port {number} is taken; choose another with --port", failing.FAILED)
    except Refused as error:
        failing.fail(str(error), failing.FAILED)
    missing.warn(settings, about_catalog, missing.NEEDED_ELSEWHERE)
    with servers.served(settings, say=True) as served:
        # Granian's own processes read their settings from the environment, as wsgi.py does.
        export(served)
        orphan.watch(settings.parent_pid, signal.SIGTERM)
        print(f"busbar: listening on {url_of(address, number)}", file=sys.stderr)  # noqa: T201
        _answer(address, number, processes or settings.web_processes, settings.web_threads)


def _answer(address: str, port: int, processes: int, threads: int) -> None:
    spare_thread_caches()
    # Not sooner: this loads the allocator, which then reads what it is to spare.
    from granian.constants import HTTPModes, Interfaces  # noqa: PLC0415
    from granian.http import HTTP1Settings  # noqa: PLC0415
    from granian.log import LogLevels  # noqa: PLC0415
    from granian.server import Server  # noqa: PLC0415

    server = Server(
        "app.wsgi:application",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        workers=processes,
        blocking_threads=threads,
        backlog=BACKLOG,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=30_000, keep_alive=True),
        websockets=False,
        log_level=LogLevels.error,
        workers_kill_timeout=DRAIN_S,
        respawn_failed_workers=True,
    )
    server.serve()
