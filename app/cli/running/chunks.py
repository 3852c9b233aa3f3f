"""The chunks of a run: how its lines are cut, and how each is submitted once and no more."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from app.cli.client.answers import Refused
from app.cli.client.session import Client
from app.cli.running.kept.journal import Journal
from app.cli.running.kept.sendings import MARK_BYTES, Sending, mark_of, spans_of
from app.cli.running.prompts import Line
from app.cli.running.records import LineFault
from app.cli.running.stops import START_OVER, Doubtful, InputChanged

CHUNK_LINES_MAX: Final = 500
CHUNK_BYTES_MAX: Final = 8_000_000
"""Bodies sent in one call; one line may be as long."""
RESEND_WITHIN: Final = timedelta(hours=23)
"""How long a chunk may be sent again: the gateway keeps an Idempotency-Key for 24 hours."""

_KEY_REUSED: Final = "idempotency_key_reused"
_PAID: Final = f"so they may be paid for already; {START_OVER}"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedLine:
    """A line that the gateway does not take: its index, its number in the file, and why."""

    index: int
    fault: LineFault
    custom_id: str | None
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What became of a chunk: the jobs of its lines, by index, and the lines that were refused."""

    jobs: Mapping[int, str]
    refused: Sequence[RefusedLine]


def key_mark(key: str) -> str:
    """Return what the journal calls a key by, without telling it."""
    return sha256(key.encode()).hexdigest()[:12]


def check_doubt(journal: Journal, *, key: str, now: datetime) -> None:
    """Raise Doubtful when a chunk without an answer can no longer be sent again under its key."""
    for chunk in journal.in_doubt():
        if chunk.key != key_mark(key):
            raise Doubtful(
                f"{_named(chunk)} were sent with another API key and never answered, {_PAID}"
            )
        if now - chunk.at > RESEND_WITHIN:
            when = f"{chunk.at:%Y-%m-%d %H:%M} UTC"
            raise Doubtful(f"{_named(chunk)} were sent on {when} and never answered, {_PAID}")


def cut(lines: Iterator[Line | LineFault], journal: Journal) -> Iterator[Chunk]:
    """Cut what was not accepted yet into chunks; those in doubt are cut as they were before.

    Raises InputChanged when the lines are not those that were checked.
    """
    assert journal.plan is not None
    marks, total = journal.marks(), journal.plan.lines
    doubts = {index: sending for sending in journal.in_doubt() for index in sending.indexes}
    gathered: dict[int, list[Placed]] = {}
    rest: list[Placed] = []
    size = 0
    for index, line in enumerate(lines):
        if isinstance(line, LineFault) or index >= total:
            raise InputChanged
        if marks[index] and marks[index] != mark_of(line.job):
            raise InputChanged
        placed = Placed(index=index, line=line)
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


def submit(client: Client, journal: Journal, chunk: Chunk, *, key: str) -> Submitted:
    """Submit a chunk, noted before and after, without the lines that the gateway refuses.

    Raises Doubtful when nobody can say whether an earlier try was carried out; Refused, for
    everything that is not about single lines, and Unreachable.
    """
    assert journal.plan is not None
    name = f"{journal.plan.run_id}-{chunk.number}"
    before = journal.sent(chunk.number)
    sent_at, is_doubtful = (before.at, True) if before else (datetime.now(UTC), False)
    lines: Sequence[Placed] = chunk.lines
    refused: list[RefusedLine] = []
    while lines:
        journal.sending(_sending(chunk.number, lines, at=sent_at, key=key))
        try:
            ids = client.submit([placed.line.job for placed in lines], idempotency_key=name)
        except Refused as error:
            is_doubtful = is_doubtful or error.after_doubt
            if error.code == _KEY_REUSED:
                whole = _sending(chunk.number, chunk.lines, at=sent_at, key=key)
                journal.sending(whole)
                what = "were sent before, and some of them are refused now"
                raise Doubtful(f"{_named(whole)} {what}, {_PAID}") from error
            found = _refused_lines(error, lines)
            if not found:
                if not is_doubtful:
                    journal.refused(chunk.number)
                raise
            refused += found
            # What is left goes out under the same key: had an earlier try been carried out after
            # all, the gateway would not take other lines under it.
            lines = _without(lines, found)
        else:
            journal.accepted(chunk.number, ids)
            jobs = {placed.index: job_id for placed, job_id in zip(lines, ids, strict=True)}
            return Submitted(jobs=jobs, refused=refused)
    if before is not None:
        raise Doubtful(f"{_named(before)} are refused now and were sent before, {_PAID}")
    # A try of this minute that brought no answer is taken for refused as well: the gateway would
    # have to have changed its mind about every single line since.
    journal.refused(chunk.number)
    return Submitted(jobs={}, refused=refused)


def _sending(number: int, lines: Sequence[Placed], *, at: datetime, key: str) -> Sending:
    return Sending(
        number=number,
        spans=spans_of(placed.index for placed in lines),
        marks="".join(mark_of(placed.line.job).to_bytes(MARK_BYTES).hex() for placed in lines),
        at=at,
        key=key_mark(key),
    )


def _refused_lines(error: Refused, lines: Sequence[Placed]) -> list[RefusedLine]:
    """Return the lines that a refusal names; none when it is about something else as well."""
    whys: dict[int, list[str]] = {}
    for fault in error.faults:
        if fault.index is None or not 0 <= fault.index < len(lines):
            return []
        # Some faults name their place in their sentence too.
        what = fault.what.removeprefix(f"{fault.where}: ")
        whys.setdefault(fault.index, []).append(f"{fault.where}: {what}" if fault.where else what)
    return [
        RefusedLine(
            index=lines[place].index,
            fault=LineFault(number=lines[place].line.number, what="; ".join(why)),
            custom_id=json.loads(lines[place].line.job).get("custom_id"),
            code=error.code or "invalid_request",
        )
        for place, why in sorted(whys.items())
    ]


def _without(lines: Sequence[Placed], refused: Sequence[RefusedLine]) -> list[Placed]:
    gone = {line.index for line in refused}
    return [placed for placed in lines if placed.index not in gone]


def _named(chunk: Sending) -> str:
    first, (last, count) = chunk.spans[0][0] + 1, chunk.spans[-1]
    whole = f"requests {first:,} to {last + count:,}"
    return whole if len(chunk.spans) == 1 else f"{chunk.count:,} of the {whole}"
