"""How a command shows what it found: a table for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

Json = Annotated[
    bool | None,
    typer.Option("--json/--table", help="JSON or a table (default: a table on a terminal)."),
]


def as_json(wanted: bool | None) -> bool:  # noqa: FBT001
    """Decide: what was asked for, else JSON unless a person looks."""
    return not sys.stdout.isatty() if wanted is None else wanted


def one(thing: Mapping[str, Any], *, wanted: bool | None) -> None:
    """Show one thing."""
    if as_json(wanted):
        print(json.dumps(thing, default=_plain))  # noqa: T201  data goes to stdout
        return
    width = max(map(len, thing), default=0)
    for name, value in thing.items():
        print(f"{name:<{width}}  {_plain(value)}")  # noqa: T201


def many(things: Sequence[Mapping[str, Any]], *, wanted: bool | None) -> None:
    """Show a list: one JSON object per line, or a table."""
    if as_json(wanted):
        for thing in things:
            print(json.dumps(thing, default=_plain))  # noqa: T201
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in things[0] if things else ():
        table.add_column(name, no_wrap=True, overflow="ignore")
    for thing in things:
        table.add_row(*[str(_plain(value)) for value in thing.values()])
    Console(soft_wrap=True).print(table if things else "none", crop=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return "" if value is None else value
