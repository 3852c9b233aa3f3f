"""The chunks of a run: how its lines are cut."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.cli.running.kept.journal import Journal
from app.cli.running.kept.sendings import mark_of
from app.cli.running.reading.prompts import Line
from app.cli.running.reading.records import LineFault
from app.cli.running.stops import InputChanged

CHUNK_LINES_MAX: Final = 500
CHUNK_BYTES_MAX: Final = 8_000_000
"""Bodies sent in one call; one line may be as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A line and its index in the run."""

    index: int
    line: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Lines submitted in one call, in the order of the file."""

    number: int
    lines: tuple[Placed, ...]


def cut(
    lines: Iterator[Line | LineFault],
    journal: Journal,
    *,
    leave_out: Callable[[int, LineFault], None] | None = None,
) -> Iterator[Chunk]:
    """Cut what was not accepted yet into chunks; those in doubt are cut as they were before.

    `leave_out` takes the lines that cannot be used, with their index. Raises InputChanged when the
    lines are not those that were checked.
    """
    marks = journal.marks()
    doubts = {index: sending for sending in journal.in_doubt() for index in sending.indexes}
    gathered: dict[int, list[Placed]] = {}
    rest: list[Placed] = []
    size = 0
    for placed in _usable(lines, marks, leave_out):
        index, line = placed.index, placed.line
        if index in doubts:
            sending = doubts[index]
            group = gathered.setdefault(sending.number, [])
            group.append(placed)
            if len(group) == sending.count:
                yield Chunk(number=sending.number, lines=tuple(group))
        elif not marks[index]:
            size += len(line.job)
            if rest and (len(rest) == CHUNK_LINES_MAX or size > CHUNK_BYTES_MAX):
                yield Chunk(number=journal.number_next, lines=tuple(rest))
                rest, size = [], len(line.job)
            rest.append(placed)
    if rest:
        yield Chunk(number=journal.number_next, lines=tuple(rest))


def _usable(
    lines: Iterator[Line | LineFault],
    marks: Sequence[int],
    leave_out: Callable[[int, LineFault], None] | None,
) -> Iterator[Placed]:
    for index, line in enumerate(lines):
        if index >= len(marks):
            raise InputChanged
        if isinstance(line, Line):
            if marks[index] and marks[index] != mark_of(line.job):
                raise InputChanged
            yield Placed(index=index, line=line)
        elif leave_out is None or marks[index]:
            raise InputChanged
        else:
            leave_out(index, line)
