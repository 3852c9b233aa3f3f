"""`busbar serve`: the submitter, Falcon on Granian."""

import logging
import signal
import sys
from typing import Annotated, Final

import typer
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from app.cli import connect, orphan
from app.cli.standing.ports import Refused, listening_port
from app.cli.terminal import failing
from app.settings import Settings, export

app = typer.Typer(add_completion=False, rich_markup_mode=None)

BACKLOG: Final = 2_048
DRAIN_S: Final = 30
"""How long a stopping process may finish answers it has begun."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    processes: Annotated[int | None, typer.Option(help="Submitter processes.")] = None,
) -> None:
    """Run the submitter until SIGTERM or Ctrl-C; answers it has begun are finished."""
    settings = Settings()
    logging.basicConfig(
        level=settings.log_level, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s"
    )
    address, number = host or settings.host, settings.port if port is None else port
    try:
        number = listening_port(address, number, patience_s=0)
    except Refused as error:
        failing.fail(str(error), failing.FAILED)
    with connect.served(settings, say=True) as served:
        # Granian's own processes read their settings from the environment, as wsgi.py does.
        export(served)
        server = Server(
            "app.wsgi:application",
            address=address,
            port=number,
            interface=Interfaces.WSGI,
            workers=processes or settings.web_processes,
            blocking_threads=settings.web_threads,
            backlog=BACKLOG,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=30_000, keep_alive=True),
            websockets=False,
            log_level=LogLevels.error,
            workers_kill_timeout=DRAIN_S,
            respawn_failed_workers=True,
        )
        orphan.watch(settings.parent_pid, signal.SIGTERM)
        server.serve()
