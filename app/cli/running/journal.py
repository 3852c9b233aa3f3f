"""The journal of a run: what was asked, what was sent under which key, what was accepted.

It lies in a folder beside the output file. `plan.json` says what the run is; `chunks.jsonl` gets a
line before a chunk is sent and a line when it was accepted, each on disk before the run goes on, so
that a run can be killed at any moment and resume without submitting a request twice.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from app.cli.running.stops import START_OVER, Busy, Unreadable

VERSION: Final = 1
"""Of the layout of these files; a journal of another version is not read."""

Scalar: TypeAlias = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is. `summary` and `exit_code` are there once it is complete."""

    run_id: str
    sha256: str
    size: int
    lines: int
    options: Mapping[str, Scalar]
    base_url: str
    balance_before: str
    summary: Mapping[str, Scalar] | None = None
    exit_code: int | None = None
    version: int = VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A chunk about to be sent: `count` requests from `first` on, under the key marked `key`.

    The gateway must find it word for word the same if it is sent again, so its bounds are kept.
    """

    number: int
    first: int
    count: int
    at: datetime
    key: str


@dataclass(slots=True, kw_only=True)
class _Chunks:
    sent: dict[int, Sending] = field(default_factory=dict)
    accepted: set[int] = field(default_factory=set)


class Journal:
    """One run's journal, held by one process at a time. Everything may raise OSError."""

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        """Open what an earlier process left, if anything. Raises Busy and Unreadable.

        With `fresh`, what cannot be read counts as nothing.
        """
        self.folder = folder
        self._lock: int | None = None
        self._chunks = _Chunks()
        self.plan: Plan | None = None
        if folder.is_dir():
            self._take()
            try:
                self.plan = self._read_plan()
                self._chunks = self._read_chunks()
            except Unreadable:
                if not fresh:
                    self.close()
                    raise

    @property
    def results(self) -> Path:
        """Where the results are kept until all are there."""
        return self.folder / "results.jsonl"

    @property
    def is_untouched(self) -> bool:
        """True while no chunk was sent, or all that were sent were refused."""
        return not self._chunks.sent

    @property
    def submitted(self) -> int:
        """How many requests the gateway has."""
        return sum(self._chunks.sent[number].count for number in self._chunks.accepted)

    def start(self, plan: Plan) -> None:
        """Begin a run. Raises Busy when another process was faster."""
        self.folder.mkdir(exist_ok=True)
        if self._lock is None:
            self._take()
            if self._plan_path.exists():
                raise self._busy()
        self._chunks_path.touch()
        self._write_plan(plan)

    def move(self, base_url: str) -> None:
        """Note that the same gateway answers elsewhere now."""
        assert self.plan is not None
        self._write_plan(replace(self.plan, base_url=base_url))

    def sent(self, number: int) -> Sending | None:
        """Return how a chunk was sent, if it was."""
        return self._chunks.sent.get(number)

    def is_accepted(self, number: int) -> bool:
        """Return whether the gateway said that it has a chunk."""
        return number in self._chunks.accepted

    def in_doubt(self) -> Sending | None:
        """Return a chunk that was sent and whose answer is not known."""
        return next((s for n, s in self._chunks.sent.items() if not self.is_accepted(n)), None)

    def sending(self, chunk: Sending) -> None:
        """Note, on disk, that a chunk is about to be sent."""
        self._append({"sending": asdict(chunk) | {"at": chunk.at.isoformat()}})
        self._chunks.sent[chunk.number] = chunk

    def accepted(self, number: int, ids: Sequence[str]) -> None:
        """Note, on disk, that the gateway has a chunk, as these jobs."""
        self._append({"accepted": number, "ids": list(ids)})
        self._chunks.accepted.add(number)

    def refused(self, number: int) -> None:
        """Note, on disk, that the gateway has nothing of a chunk."""
        self._append({"refused": number})
        self._chunks.sent.pop(number)

    def jobs(self) -> Iterator[tuple[int, str]]:
        """Read all accepted jobs: the index of the request, and the job's id."""
        if not self._chunks.accepted:
            return
        with self._chunks_path.open("rb") as file:
            for record in map(json.loads, file):
                if "accepted" in record:
                    first = self._chunks.sent[record["accepted"]].first
                    yield from enumerate(record["ids"], start=first)

    def complete(self, summary: Mapping[str, Scalar], exit_code: int) -> Plan:
        """Note that everything is done and written, and keep nothing but that."""
        assert self.plan is not None
        complete = self._write_plan(replace(self.plan, summary=summary, exit_code=exit_code))
        self._chunks_path.unlink(missing_ok=True)
        self.results.unlink(missing_ok=True)
        return complete

    def discard(self) -> None:
        """Forget the run."""
        # The plan goes first: without it the other files mean nothing.
        for name in ("plan.json", "plan.tmp", "chunks.jsonl", "results.jsonl", "out.tmp"):
            (self.folder / name).unlink(missing_ok=True)
        self.plan, self._chunks = None, _Chunks()

    def close(self) -> None:
        """Let others in. A run of which nothing was sent is forgotten, and its folder removed."""
        if self._lock is None:
            return
        if self.plan is not None and self.plan.summary is None and self.is_untouched:
            self.discard()
        if self.plan is None and not self._plan_path.exists():
            self._lock_path.unlink()
            with suppress(OSError):  # somebody else's file is in it; it stays
                self.folder.rmdir()
        os.close(self._lock)
        self._lock = None

    @property
    def _plan_path(self) -> Path:
        return self.folder / "plan.json"

    @property
    def _chunks_path(self) -> Path:
        return self.folder / "chunks.jsonl"

    @property
    def _lock_path(self) -> Path:
        return self.folder / "lock"

    def _take(self) -> None:
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise self._busy() from None
        self._lock = lock

    def _busy(self) -> Busy:
        return Busy(f"another `busbar run` is at work in {self.folder}")

    def _unreadable(self) -> Unreadable:
        return Unreadable(f"{self.folder} holds no journal of this version; {START_OVER}")

    def _read_plan(self) -> Plan | None:
        try:
            fields = json.loads(self._plan_path.read_bytes())
            if fields["version"] != VERSION:
                raise self._unreadable()
            return Plan(**fields)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise self._unreadable() from error

    def _write_plan(self, plan: Plan) -> Plan:
        beside = self._plan_path.with_suffix(".tmp")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(asdict(plan), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._plan_path)
        for folder in (self.folder, self.folder.parent):
            _sync_folder(folder)
        self.plan = plan
        return plan

    def _read_chunks(self) -> _Chunks:
        """Read what was sent, and cut off a last line that a crash left half written."""
        found, end = _Chunks(), 0
        if self._chunks_path.exists():
            with self._chunks_path.open("r+b") as file:
                try:
                    for line in file:
                        if not line.endswith(b"\n") or not _note(found, line):
                            break
                        end += len(line)
                except (KeyError, TypeError) as error:
                    raise self._unreadable() from error
                file.truncate(end)
        return found

    def _append(self, record: Mapping[str, object]) -> None:
        with self._chunks_path.open("ab") as file:
            file.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _note(found: _Chunks, line: bytes) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return False
    if "accepted" in record:
        found.accepted.add(record["accepted"])
    elif "refused" in record:
        found.sent.pop(record["refused"])
    else:
        chunk = record["sending"] | {"at": datetime.fromisoformat(record["sending"]["at"])}
        found.sent[chunk["number"]] = Sending(**chunk)
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
