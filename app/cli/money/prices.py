"""`busbar prices`: the catalog's prices, and what is odd about them."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from app import catalog
from app.cli import connect
from app.cli.connect import State
from app.cli.standing.plan import with_catalog
from app.cli.terminal import failing, showing
from app.cli.terminal.showing import Json
from app.domain.money import format_dollars
from app.domain.pricing import Price
from app.services.operate import prices as looked_at
from app.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def prices(
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when there is a warning.")
    ] = False,
    state: State = None,
    json: Json = None,
) -> None:
    """Show what each instrument costs, in US dollars per million tokens.

    Warns of prices outside $0.0001 to $1,000, which may be typed per token or in cents, and of
    those that changed by ten times or more since the instrument's newest job. The version is what
    receipts call a price.
    """
    settings, about_catalog = with_catalog(Settings())
    found = looked_at.quoted(catalog.load(settings.catalog or catalog.EXAMPLE), _last(state))
    showing.many(
        [
            {
                "instrument": each.instrument,
                "input": format_dollars(each.price.input_nanos),
                "output": format_dollars(each.price.output_nanos),
                "version": each.version,
                "last_input": format_dollars(each.last.input_nanos) if each.last else None,
                "last_output": format_dollars(each.last.output_nanos) if each.last else None,
            }
            | ({"warnings": list(each.oddities)} if showing.as_json(json) else {})
            for each in found
        ],
        wanted=json,
    )
    warnings = [f"{each.instrument}: {odd}" for each in found for odd in each.oddities]
    for line in [about_catalog, *warnings] if about_catalog else warnings:
        print(f"busbar: {line}", file=sys.stderr)  # noqa: T201  the command's own voice
    if strict and warnings:
        raise SystemExit(failing.FAILED)


def _last(state: Path | None) -> Mapping[str, Price]:
    """Return what jobs were charged; nothing where the database is away, which is said."""
    try:
        with connect.gateway("cli", state) as gateway:
            return looked_at.last_charged(gateway)
    except Exception as error:
        explanation = failing.explain(error)
        if explanation is None:
            raise
        why = f"busbar: nothing is known of earlier prices: {explanation[0]}"
        print(why, file=sys.stderr)  # noqa: T201  the command's own voice
        return {}
