"""`busbar doctor`: the one checker of the book."""

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.terminal import failing, showing
from app.cli.terminal.showing import Json
from app.services import read

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def doctor(state: State = None, json: Json = None) -> None:
    """Check that no money was made or lost; exit 0 when the book is clean, 1 when it is not.

    When it cannot be read it is not known to be clean: that ends with 1 as well, stderr says why,
    and in JSON `clean` is null.
    """
    try:
        with connect.gateway("doctor", state) as gateway:
            findings = read.examine(gateway)
    except Exception as error:
        explanation = failing.explain(error)
        if explanation is None:
            raise
        why, code = explanation
        if showing.as_json(json):
            showing.one({"clean": None, "findings": [], "error": why}, wanted=True)
        failing.fail(f"the book could not be examined, so nothing is known of it: {why}", code)
    told = [{"check": f.check, "subject": f.subject, "detail": f.detail} for f in findings]
    if showing.as_json(json):
        showing.one({"clean": not findings, "findings": told}, wanted=True)
    elif findings:
        showing.many(told, wanted=False)
    else:
        typer.echo("The book is clean: every lot, hold, transfer and job agrees.")
    if findings:
        failing.fail(f"the book is not clean: {len(findings):,} findings", failing.FAILED)
