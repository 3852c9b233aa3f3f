"""The chunks of a run: how its lines are cut, and how each is submitted once and no more."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count, islice
from typing import Final

from app.cli.client.answers import Refused
from app.cli.client.session import Client
from app.cli.running.journal import Journal, Sending
from app.cli.running.prompts import Line
from app.cli.running.records import LineFault
from app.cli.running.stops import START_OVER, Doubtful, InputChanged, RefusedLines

CHUNK_LINES_MAX: Final = 500
CHUNK_BYTES_MAX: Final = 8_000_000
"""Bodies sent in one call; one line may be as long."""
RESEND_WITHIN: Final = timedelta(hours=23)
"""How long a chunk may be sent again: the gateway keeps an Idempotency-Key for 24 hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Lines submitted in one call; `first` is the index of the first one in the run."""

    number: int
    first: int
    lines: tuple[Line, ...]


def key_mark(key: str) -> str:
    """Return what the journal calls a key by, without telling it."""
    return sha256(key.encode()).hexdigest()[:12]


def check_doubt(journal: Journal, *, key: str, now: datetime) -> None:
    """Raise Doubtful when a chunk without an answer can no longer be sent again under its key."""
    chunk = journal.in_doubt()
    if chunk is None:
        return
    lines = f"requests {chunk.first + 1} to {chunk.first + chunk.count}"
    paid = f"and never answered, so they may be paid for already; {START_OVER}"
    if chunk.key != key_mark(key):
        raise Doubtful(f"{lines} were sent with another API key {paid}")
    if now - chunk.at > RESEND_WITHIN:
        raise Doubtful(f"{lines} were sent on {chunk.at:%Y-%m-%d %H:%M} UTC {paid}")


def cut(lines: Iterator[Line | LineFault], journal: Journal) -> Iterator[Chunk]:
    """Cut lines into chunks, where the journal cut them before; accepted chunks are passed over.

    Raises InputChanged when the lines are not those that were checked.
    """
    rest, first = _Rest(lines), 0
    for number in count():
        sent = journal.sent(number)
        if sent is not None and journal.is_accepted(number):
            passed = sum(1 for _ in islice(rest, sent.count))
            if passed < sent.count:
                raise InputChanged
            first += sent.count
            continue
        taken = tuple(islice(rest, sent.count)) if sent else tuple(_fitting(rest))
        if sent is not None and len(taken) < sent.count:
            raise InputChanged
        if not taken:
            return
        yield Chunk(number=number, first=first, lines=taken)
        first += len(taken)


def submit(client: Client, journal: Journal, chunk: Chunk, *, key: str) -> list[str]:
    """Submit a chunk, noted before and after, and return the ids of its jobs.

    Raises RefusedLines when the gateway does not take its lines; Refused and Unreachable.
    """
    assert journal.plan is not None
    is_again = journal.sent(chunk.number) is not None
    if not is_again:
        journal.sending(
            Sending(
                number=chunk.number,
                first=chunk.first,
                count=len(chunk.lines),
                at=datetime.now(UTC),
                key=key_mark(key),
            )
        )
    jobs, name = [line.job for line in chunk.lines], f"{journal.plan.run_id}-{chunk.number}"
    try:
        ids = client.submit(jobs, idempotency_key=name)
    except Refused as refused:
        if not (is_again or refused.after_doubt):
            journal.refused(chunk.number)
        if refused.faults:
            before = f"; {journal.submitted:,} before them go on" if journal.submitted else ""
            faults = _faults(refused, chunk)
            message = f"the gateway refuses these lines{before}. {refused}"
            raise RefusedLines(message, faults, len(faults)) from refused
        raise
    journal.accepted(chunk.number, ids)
    return ids


class _Rest:
    """Lines not cut yet; the last one taken can be put back."""

    def __init__(self, lines: Iterator[Line | LineFault]) -> None:
        self._lines = lines
        self._back: deque[Line] = deque()

    def __iter__(self) -> "_Rest":
        return self

    def __next__(self) -> Line:
        if self._back:
            return self._back.pop()
        line = next(self._lines)
        if isinstance(line, LineFault):
            raise InputChanged
        return line

    def put_back(self, line: Line) -> None:
        self._back.append(line)


def _fitting(rest: _Rest) -> Iterator[Line]:
    size = 0
    for taken, line in enumerate(rest):
        size += len(line.job)
        if taken and (taken == CHUNK_LINES_MAX or size > CHUNK_BYTES_MAX):
            rest.put_back(line)
            return
        yield line


def _faults(refused: Refused, chunk: Chunk) -> list[LineFault]:
    return [
        LineFault(
            number=chunk.lines[fault.index].number,
            what=f"has a fault in {fault.where}: {fault.what}",
        )
        for fault in refused.faults
        if fault.index is not None and 0 <= fault.index < len(chunk.lines)
    ]
