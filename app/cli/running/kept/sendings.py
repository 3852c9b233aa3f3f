"""What a run sent, `sendings.jsonl`: a line before a chunk is sent, and one when it was accepted.

Each is on disk before the run goes on, so that a run can be killed at any moment and resume
without submitting a request twice.
"""

import json
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Final

from app.cli.running.kept.plan import Damaged
from app.cli.running.reading.prompts import LINES_MAX

MARK_BYTES: Final = 8
"""Of the digest of a request: enough to see that it is another one now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A chunk about to be sent, under the API key marked `key`.

    The gateway must find it word for word the same if it is sent again. So it is kept which
    requests it holds, as spans (index of the first, how many), and the mark of each, in hexadecimal
    and without a space between.
    """

    number: int
    spans: tuple[tuple[int, int], ...]
    marks: str
    at: datetime
    key: str

    @property
    def count(self) -> int:
        """How many requests it holds."""
        return sum(count for _, count in self.spans)

    @property
    def indexes(self) -> Iterator[int]:
        """The indexes of its requests in the run, in their order."""
        return (index for first, count in self.spans for index in range(first, first + count))


def mark_of(job: bytes) -> int:
    """Return what a request is recognised by; never 0, which stands for none."""
    return int.from_bytes(sha256(job).digest()[:MARK_BYTES]) or 1


def spans_of(indexes: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return ascending indexes as spans."""
    runs = groupby(enumerate(indexes), key=lambda pair: pair[1] - pair[0])
    found = [[index for _, index in run] for _, run in runs]
    return tuple((run[0], len(run)) for run in found)


class Sendings:
    """The chunks of a run of `lines` requests. Everything may raise OSError."""

    def __init__(self, path: Path, *, lines: int) -> None:
        """Read what an earlier process noted. Raises Damaged."""
        self._path = path
        self.lines = lines
        """How many requests the run has."""
        self._sent: dict[int, Sending] = {}
        self._accepted: set[int] = set()
        self.number_next = 0
        """A number that no chunk has had."""
        try:
            self._load()
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise Damaged("its list of what was sent is not whole") from error

    @property
    def is_empty(self) -> bool:
        """True while no chunk was sent, or all that were sent were refused."""
        return not self._sent

    @property
    def submitted(self) -> int:
        """How many requests the gateway has."""
        return sum(self._sent[number].count for number in self._accepted)

    def sent(self, number: int) -> Sending | None:
        """Return how a chunk was sent, if it was."""
        return self._sent.get(number)

    def in_doubt(self) -> list[Sending]:
        """Return the chunks that were sent and whose answer is not known."""
        return [sending for n, sending in self._sent.items() if n not in self._accepted]

    def marks(self) -> "array[int]":
        """Return for each request of the run its mark, or 0 if it was not submitted."""
        found = array("Q", bytes(MARK_BYTES * self.lines))
        for sending in self._sent.values():
            marks = bytes.fromhex(sending.marks)
            for place, index in enumerate(sending.indexes):
                start = place * MARK_BYTES
                found[index] = int.from_bytes(marks[start : start + MARK_BYTES])
        return found

    def sending(self, chunk: Sending) -> None:
        """Note that a chunk is about to be sent; one of the same number is replaced."""
        self._append({"sending": asdict(chunk) | {"at": chunk.at.isoformat()}})
        self._take(chunk)

    def accepted(self, number: int, ids: Sequence[str]) -> None:
        """Note that the gateway has a chunk, as these jobs."""
        self._append({"accepted": number, "ids": list(ids)})
        self._accepted.add(number)

    def refused(self, number: int) -> None:
        """Note that the gateway has nothing of a chunk."""
        self._append({"refused": number})
        self._sent.pop(number)

    def jobs(self) -> Iterator[tuple[int, str]]:
        """Read all accepted jobs: the index of the request, and the job's id."""
        if not self._accepted:
            return
        with self._path.open("rb") as file:
            for record in map(json.loads, file):
                if "accepted" in record:
                    sending = self._sent[record["accepted"]]
                    yield from zip(sending.indexes, record["ids"], strict=True)

    def _load(self) -> None:
        """Read the file, and cut off a last line that a crash left half written."""
        with self._path.open("r+b") as file:
            end = 0
            while line := file.readline():
                record = _record(line)
                if record is None:
                    if file.read(1):
                        raise ValueError(end)
                    break
                self._note(record)
                end = file.tell()
            file.truncate(end)
        if any(_end(sending) > self.lines for sending in self._sent.values()):
            raise ValueError(self.lines)

    def _note(self, record: Mapping[str, object]) -> None:
        """Take in a line of the file. Raises ValueError and its like when it cannot be one."""
        if "sending" in record:
            self._take(_sending(record["sending"]))
            return
        number = record["accepted"] if "accepted" in record else record["refused"]
        if not isinstance(number, int) or number in self._accepted:
            raise ValueError(number)
        if "refused" in record:
            self._sent.pop(number)
            return
        ids = record["ids"]
        if not isinstance(ids, list) or len(ids) != self._sent[number].count:
            raise ValueError(number)
        if not all(isinstance(each, str) for each in ids):
            raise TypeError(number)
        self._accepted.add(number)

    def _take(self, chunk: Sending) -> None:
        self._sent[chunk.number] = chunk
        self.number_next = max(self.number_next, chunk.number + 1)

    def _append(self, record: Mapping[str, object]) -> None:
        with self._path.open("ab") as file:
            file.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _record(line: bytes) -> dict[str, object] | None:
    """Return what a line says; None for one that is not whole."""
    try:
        record = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _end(sending: Sending) -> int:
    """Return the index after its last request."""
    first, count = sending.spans[-1]
    return first + count


def _sending(fields: object) -> Sending:
    """Make a chunk of its fields. Raises ValueError and its like when that cannot be."""
    if not isinstance(fields, dict):
        raise TypeError(fields)
    spans = tuple((int(first), int(count)) for first, count in fields["spans"])
    made = Sending(
        number=int(fields["number"]),
        spans=spans,
        marks=str(fields["marks"]),
        at=datetime.fromisoformat(fields["at"]),
        key=str(fields["key"]),
    )
    ends = [first + count for first, count in spans]
    ascends = all(end <= first for end, (first, _) in zip([0, *ends], spans, strict=False))
    if (
        not spans
        or ends[-1] > LINES_MAX
        or not ascends
        or len(bytes.fromhex(made.marks)) != MARK_BYTES * made.count
    ):
        raise ValueError(made.number)
    return made
