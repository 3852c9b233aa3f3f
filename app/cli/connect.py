"""The gateway of one command that asks or changes something itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.cli.servers import served
from app.cli.terminal import failing
from app.gateway import Gateway, open_gateway
from app.settings import Settings

State = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Where `busbar up` keeps its data, whether it runs or not. [default: "
        "BUSBAR_STATE_DIR, else .busbar]",
        exists=True,
        file_okay=False,
    ),
]


@contextmanager
def gateway(name: str, state: Path | None = None, *, is_first: bool = False) -> Iterator[Gateway]:
    """Open the gateway for one command, on the embedded servers of `state` if that is given.

    Raises BadParameter when the settings name a database, which is another one. Unless the command
    is the first that anybody runs, ends it where there is no database yet.
    """
    found = Settings()
    if state is not None:
        if found.database_url:
            raise typer.BadParameter(
                "BUSBAR_DATABASE_URL names the database already; unset it, or leave --state out",
                param_hint="--state",
            )
        found = found.model_copy(update={"state_dir": state})
    if not (found.database_url or found.state_dir.exists() or is_first):
        failing.fail(
            f"{found.state_dir.absolute()} holds no gateway: `busbar up` makes one; --state or "
            "BUSBAR_STATE_DIR says where else one is, BUSBAR_DATABASE_URL names a server",
            failing.FAILED,
        )
    with served(found) as settings:
        opened = open_gateway(settings, name=name)
        try:
            yield opened
        finally:
            opened.close()
