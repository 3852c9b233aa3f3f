"""How each chunk of a run is submitted: once and no more."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Final

from app.cli.client.answers import Limited, Refused, Room
from app.cli.client.session import Client
from app.cli.running.cutting import Chunk, Placed
from app.cli.running.kept.journal import Journal
from app.cli.running.kept.sendings import MARK_BYTES, Sending, mark_of, spans_of
from app.cli.running.reading.records import LineFault
from app.cli.running.stops import START_OVER, Doubtful

RESEND_WITHIN: Final = timedelta(hours=23)
"""How long a chunk may be sent again: the gateway keeps an Idempotency-Key for 24 hours."""

_KEY_REUSED: Final = "idempotency_key_reused"
_TOO_LARGE: Final = 413
_OUT_OF_RANGE: Final = 422
_ALL_JOBS: Final = "jobs"
"""The `param` of a refusal that is about how many jobs a call brings, or what they come to."""

_PAID: Final = f"so they may be paid for already; {START_OVER}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedLine:
    """A line that the gateway does not take: its index, its number in the file, and why."""

    index: int
    fault: LineFault
    custom_id: str | None
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What became of a chunk: the jobs of its lines, by index, and the lines that were refused.

    `left` are those that were too many for one call; they are still to be sent. `is_replay` says
    that the jobs may be there since an earlier process sent the chunk.
    """

    jobs: Mapping[int, str]
    refused: Sequence[RefusedLine]
    left: Sequence[Placed]
    room: Room
    is_replay: bool


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


def submit(client: Client, journal: Journal, chunk: Chunk, *, key: str) -> Submitted:
    """Submit a chunk, noted before and after, without the lines that the gateway refuses.

    When they are too many for one call, it is the first ones of them. Raises Doubtful when nobody
    can say whether an earlier try was carried out; Limited; Refused, for everything that is not
    about single lines, and Unreachable.
    """
    name = f"{_run_id(journal)}-{chunk.number}"
    before = journal.sent(chunk.number)
    sent_at, is_doubtful = (before.at, True) if before else (datetime.now(UTC), False)
    lines: Sequence[Placed] = chunk.lines
    left: list[Placed] = []
    refused: list[RefusedLine] = []
    told = partial(Submitted, refused=refused, left=left, is_replay=before is not None)
    while lines:
        journal.sending(_sending(chunk.number, lines, at=sent_at, key=key))
        try:
            accepted = client.submit([each.line.job for each in lines], idempotency_key=name)
        except (Limited, Refused) as error:
            is_doubtful = is_doubtful or error.after_doubt
            found, further = _set_aside(error, lines)
            if not (found or further):
                if isinstance(error, Refused) and error.code == _KEY_REUSED:
                    whole = _sending(chunk.number, chunk.lines, at=sent_at, key=key)
                    journal.sending(whole)
                    raise _doubtful(whole, cut=bool(left)) from error
                if not is_doubtful:
                    journal.refused(chunk.number)
                raise
            refused += found
            left[:0] = further
            # What remains goes out under the same key: had an earlier try been carried out after
            # all, the gateway would not take other lines under it.
            lines = _without(lines, [*(each.index for each in found), *_indexes(further)])
        else:
            journal.accepted(chunk.number, accepted.ids)
            jobs = {each.index: job_id for each, job_id in zip(lines, accepted.ids, strict=True)}
            return told(jobs=jobs, room=accepted.room)
    if before is not None:
        raise Doubtful(f"{_named(before)} are refused now and were sent before, {_PAID}")
    # A try of this minute that brought no answer is taken for refused as well: the gateway would
    # have to have changed its mind about every single line since.
    journal.refused(chunk.number)
    return told(jobs={}, room=Room())


def _run_id(journal: Journal) -> str:
    assert journal.plan is not None
    return journal.plan.run_id


def _sending(number: int, lines: Sequence[Placed], *, at: datetime, key: str) -> Sending:
    return Sending(
        number=number,
        spans=spans_of(_indexes(lines)),
        marks="".join(mark_of(placed.line.job).to_bytes(MARK_BYTES).hex() for placed in lines),
        at=at,
        key=key_mark(key),
    )


def _set_aside(
    error: Limited | Refused, lines: Sequence[Placed]
) -> tuple[Sequence[RefusedLine], Sequence[Placed]]:
    """Return the lines that a refusal names, or else those that were too many for one call."""
    if isinstance(error, Limited):
        return [], []
    is_of_all = error.status == _TOO_LARGE or (
        error.status == _OUT_OF_RANGE and error.param == _ALL_JOBS
    )
    if is_of_all and not error.faults:
        return [], lines[(len(lines) + 1) // 2 :]
    return _refused_lines(error, lines), []


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


def _indexes(lines: Iterable[Placed]) -> Iterator[int]:
    return (placed.index for placed in lines)


def _without(lines: Sequence[Placed], indexes: Iterable[int]) -> list[Placed]:
    gone = frozenset(indexes)
    return [placed for placed in lines if placed.index not in gone]


def _doubtful(chunk: Sending, *, cut: bool) -> Doubtful:
    now = "are too many for one call of this key now" if cut else "some of them are refused now"
    return Doubtful(f"{_named(chunk)} were sent before, and {now}, {_PAID}")


def _named(chunk: Sending) -> str:
    first, (last, count) = chunk.spans[0][0] + 1, chunk.spans[-1]
    whole = f"requests {first:,} to {last + count:,}"
    return whole if len(chunk.spans) == 1 else f"{chunk.count:,} of the {whole}"
