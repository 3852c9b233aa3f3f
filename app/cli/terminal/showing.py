"""How a command shows what it found: a table for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from shutil import get_terminal_size
from typing import Annotated, Any, Final

import typer
from rich.cells import cell_len

GAP: Final = 2
"""Characters between two columns."""

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
        print(f"{name:<{width}}{' ' * GAP}{_cell(value)}")  # noqa: T201


def many(things: Sequence[Mapping[str, Any]], *, wanted: bool | None) -> None:
    """Show a list: one JSON object per line, or a table. Ids, keys and amounts are never cut.

    Where a row is wider than the terminal, each thing gets lines of its own instead.
    """
    if as_json(wanted):
        for thing in things:
            print(json.dumps(thing, default=_plain))  # noqa: T201
        return
    for line in _table([{name: _cell(thing[name]) for name in thing} for thing in things]):
        print(line)  # noqa: T201


def _table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    if not rows:
        return ["none"]
    widths = {name: max(len(name), *(cell_len(row[name]) for row in rows), 1) for name in rows[0]}
    if sum(widths.values()) + GAP * (len(widths) - 1) > _width():
        return _blocks(rows)
    named = [{name: name for name in widths}, *rows]
    return [
        (" " * GAP).join(_padded(row[name], width) for name, width in widths.items()).rstrip()
        for row in named
    ]


def _blocks(rows: Sequence[Mapping[str, str]]) -> list[str]:
    width = max(map(len, rows[0]))
    blocks = [[f"{name:<{width}}{' ' * GAP}{cell}" for name, cell in row.items()] for row in rows]
    return [line.rstrip() for block in blocks for line in [*block, ""]][:-1]


def _width() -> int:
    """Return how many characters a line holds; whoever reads a pipe takes any."""
    return get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _cell(value: Any) -> str:
    text = str(_plain(value))
    # A name may hold anything; a line break, or what moves a cursor, is shown instead of obeyed.
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return "" if value is None else value
