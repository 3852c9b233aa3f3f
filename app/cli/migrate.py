"""`busbar migrate`: bring the schema up to date."""

import typer

from app.cli import connect
from app.cli.terminal import showing
from app.cli.terminal.showing import Json
from app.services import upkeep

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def migrate(json: Json = None) -> None:
    """Bring the database schema up to date. Safe to run from several places at once."""
    with connect.gateway("migrate", is_first=True) as gateway:
        showing.one({"revision": upkeep.migrate(gateway)}, wanted=json)
