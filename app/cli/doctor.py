"""`busbar doctor`: the one checker of the book."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli import connect
from app.cli.connect import State
from app.cli.terminal import failing, showing
from app.cli.terminal.showing import Json
from app.gateway import Gateway
from app.services import read

EVERY_S: Final = 60
EVERY_MAX_S: Final = 86_400

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def doctor(
    watch: Annotated[bool, typer.Option("--watch", help="Go on checking, until Ctrl-C.")] = False,  # noqa: FBT002  typer's flag
    every: Annotated[
        int, typer.Option(metavar="S", min=1, max=EVERY_MAX_S, help="Seconds between two checks.")
    ] = EVERY_S,
    state: State = None,
    json: Json = None,
) -> None:
    """Check that no money was made or lost; exit 0 when the book is clean, 1 when it is not.

    When it cannot be read it is not known to be clean: that ends with 1 as well, stderr says why,
    and in JSON `clean` is null. With --watch each check is a line on stderr, what is found is shown
    when it changes, and the exit code is that of the last check.
    """
    if watch:
        raise typer.Exit(_watch(state, every, json))
    try:
        with connect.gateway("doctor", state) as gateway:
            findings = _examined(gateway)
    except Exception as error:
        explanation = failing.explain(error)
        if explanation is None:
            raise
        why, code = explanation
        if showing.as_json(json):
            showing.one({"clean": None, "findings": [], "error": why}, wanted=True)
        failing.fail(f"the book could not be examined, so nothing is known of it: {why}", code)
    if showing.as_json(json):
        showing.one({"clean": not findings, "findings": findings}, wanted=True)
    elif findings:
        showing.many(findings, wanted=False)
    else:
        typer.echo("The book is clean: every lot, hold, transfer and job agrees.")
    if findings:
        failing.fail(f"the book is not clean: {len(findings):,} findings", failing.FAILED)


def _watch(state: Path | None, every: int, json: bool | None) -> int:  # noqa: FBT001  typer's option
    """Check until somebody stops it; return the exit code of the last check."""
    code, shown = failing.FAILED, list[dict[str, str]]()
    try:
        with connect.gateway("doctor", state) as gateway:
            while True:
                code, findings = _look(gateway)
                if findings != shown:
                    showing.many(findings, wanted=json)
                shown = findings
                time.sleep(every)
    except KeyboardInterrupt:
        return code


def _look(gateway: Gateway) -> tuple[int, list[dict[str, str]]]:
    """Check once, say how it went, and return the exit code and the findings."""
    began = time.monotonic()
    try:
        findings = list(_examined(gateway))
    except Exception as error:
        explanation = failing.explain(error)
        if explanation is None:
            raise
        _say(f"could not look: {explanation[0]}")
        return failing.FAILED, []
    took = f"{time.monotonic() - began:.1f} s"
    _say(f"{len(findings):,} findings ({took})" if findings else f"clean ({took})")
    return failing.FAILED if findings else 0, findings


def _examined(gateway: Gateway) -> Sequence[dict[str, str]]:
    return [
        {"check": each.check, "subject": each.subject, "detail": each.detail}
        for each in read.examine(gateway)
    ]


def _say(what: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    print(f"busbar: {now} {what}", file=sys.stderr, flush=True)  # noqa: T201  progress
