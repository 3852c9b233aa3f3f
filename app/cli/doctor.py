"""`busbar doctor`: the one checker of the book."""

import typer

from app.cli import connect
from app.cli.terminal import failing, showing
from app.cli.terminal.showing import Json
from app.services import read

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def doctor(json: Json = None) -> None:
    """Check that no money was made or lost; exit 0 when the book is clean, 1 when it is not."""
    with connect.gateway("doctor") as gateway:
        findings = read.examine(gateway)
    if showing.as_json(json):
        told = [{"check": f.check, "subject": f.subject, "detail": f.detail} for f in findings]
        showing.one({"clean": not findings, "findings": told}, wanted=True)
    elif findings:
        showing.many(
            [{"check": f.check, "subject": f.subject, "detail": f.detail} for f in findings],
            wanted=False,
        )
    else:
        typer.echo("The book is clean: every lot, hold, transfer and job agrees.")
    if findings:
        raise SystemExit(failing.FAILED)
