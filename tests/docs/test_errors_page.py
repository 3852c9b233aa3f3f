"""docs/errors.md lists the errors as they leave: what a reader looks up is what was sent."""

import re
from dataclasses import dataclass
from typing import Final

import pytest

from app.domain.errors import AccountExists, CatalogError, ReferenceReused
from app.wire.errors import TABLE, Row, row_of_code

from .snippets import ROOT

PAGE: Final = (ROOT / "docs" / "errors.md").read_text()
OF_COMMANDS: Final = {CatalogError.code, AccountExists.code, ReferenceReused.code}
"""Errors of commands: no request meets them."""
RETRIED: Final = {408, 409, 429}
"""Statuses below 500 that SDKs try again unless `x-should-retry` says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A line of the page's table."""

    status: int
    messages_status: int
    messages_kind: str
    again: bool


def listed() -> dict[str, Listed]:
    """Return the page's table by code."""
    found = {}
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) < 6 or not cells[0][:3].strip("| ").isdecimal():
            continue
        status = int(cells[0][:3])
        there = re.fullmatch(r"(?:(\d+) )?`(\w+)`", cells[1])
        assert there is not None, line
        for code in re.findall(r"`(\w+)`", cells[2]):
            found[code] = Listed(
                status=status,
                messages_status=int(there[1] or status),
                messages_kind=there[2],
                again={"yes": True, "no": False}[cells[4]],
            )
    return found


def test_every_error_of_a_request_is_listed() -> None:
    """A new error has a line for whoever meets it, and no line outlives its error."""
    assert set(listed()) == {error.code for error in TABLE} - OF_COMMANDS


@pytest.mark.parametrize("code", listed())
def test_a_line_tells_what_leaves(code: str) -> None:
    """Status on either surface, the type on messages, and whether clients try again."""
    line, row = listed()[code], row_of_code(code)
    assert (line.status, line.messages_kind) == (row.status, row.messages_kind)
    assert line.messages_status == (row.messages_status or row.status)
    assert line.again == is_tried_again(row)


def is_tried_again(row: Row) -> bool:
    """True when SDKs try again: as the row says, else as they do for its status."""
    if row.retry is not None:
        return row.retry
    return row.status in RETRIED or row.status >= 500
