"""The results of a run, `results.jsonl`: kept as they arrive, written in input order at the end."""

import json
import os
from array import array
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.cli.client.answers import JobSeen
from app.cli.running.reading.prompts import LINES_MAX
from app.cli.running.reading.reasons import Reasons
from app.cli.running.reading.records import LineFault
from app.domain.job import JobState
from app.domain.money import parse_dollars

REFUSED: Final = "refused"
"""The status of a line that the gateway does not take: it never became a job, and cost nothing."""
UNUSABLE: Final = "unusable"
"""The status of a line that was left out: it is broken, and was not sent."""

_NOT_TAKEN: Final = (REFUSED, UNUSABLE)
_NOWHERE: Final = -1
FAULT: Final = "unusable_line"
"""The error code of a line that was left out."""
_OF_JOB: Final = ("status", "response", "error", "usage", "cost")


class Results:
    """Result lines in the order they came; of each only its place in the file is in memory.

    What is written survives the end of this process. It need not survive more: the gateway tells
    it again. A line that was refused or left out counts as finished until then; the next process
    looks at it again.
    """

    def __init__(self, path: Path, *, lines: int) -> None:
        self._path = path
        self._places = array("q", [_NOWHERE]) * lines
        self.done = 0
        """Lines that have a result; the failed, refused and unusable ones are among them."""
        self.failed = 0
        self.refusals = Reasons()
        """Which lines were refused since this process began, and why."""
        self.faults = Reasons()
        """Which lines could not be used and were left out, and why."""
        self.cost_nanos = 0
        self.ended_since = 0
        """How many jobs have ended since this process began."""
        self.cost_since_nanos = 0
        """What those have cost."""
        self.failures: Counter[str] = Counter()
        """How often each error code ended a line."""
        self.examples: dict[str, str] = {}
        """The first message seen with each error code."""
        self._end = self._load()
        self._file = path.open("ab")

    @property
    def succeeded(self) -> int:
        """How many lines were answered."""
        return self.done - self.failed - self.refused - self.unusable

    @property
    def refused(self) -> int:
        """How many lines the gateway did not take."""
        return self.refusals.total

    @property
    def unusable(self) -> int:
        """How many lines were left out."""
        return self.faults.total

    def has(self, index: int) -> bool:
        """Return whether the line with this index is finished."""
        return self._places[index] != _NOWHERE

    def add(self, index: int, job: JobSeen, *, had_ended: bool = False) -> None:
        """Keep the result of a line; a second result of the same line changes nothing.

        `had_ended` says that the job was over before this process began.
        """
        if self.has(index):
            return
        if not had_ended:
            self.ended_since += 1
            self.cost_since_nanos += parse_dollars(job.cost or "0")
        told = {name: getattr(job, name) for name in _OF_JOB}
        self._keep({"index": index, "custom_id": job.custom_id, "job_id": job.id} | told)

    def refuse(self, index: int, fault: LineFault, *, custom_id: str | None, code: str) -> None:
        """Keep that the gateway does not take a line, and why."""
        self._keep(_not_taken(index, REFUSED, fault, custom_id=custom_id, code=code))
        self.refusals.add(fault)

    def leave_out(self, index: int, fault: LineFault) -> None:
        """Keep that a line cannot be used, and why."""
        self._keep(_not_taken(index, UNUSABLE, fault, custom_id=None, code=FAULT))
        self.faults.add(fault)

    def flush(self) -> None:
        """Hand what was added to the operating system."""
        self._file.flush()

    def write_out(self, out: Path) -> None:
        """Write every line in input order to `out`, whole or not at all."""
        self.flush()
        beside = self._path.with_name("out.tmp")
        with self._path.open("rb") as kept, beside.open("wb") as file:
            for place in self._places:
                assert place != _NOWHERE
                kept.seek(place)
                file.write(kept.readline())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(out)

    def close(self) -> None:
        """Close the file of results; it stays."""
        self._file.close()

    def _load(self) -> int:
        """Read what an earlier process kept, cut off what it did not finish, return the end."""
        self._end = 0
        self._path.touch()
        with self._path.open("r+b") as file:
            for line in file:
                result = _parse(line, lines=len(self._places))
                if result is None:
                    break
                if result["status"] in _NOT_TAKEN:
                    self._end += len(line)
                else:
                    self._note(result, len(line))
            file.truncate(self._end)
        return self._end

    def _keep(self, result: Mapping[str, object]) -> None:
        text = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
        # An answer may hold half a surrogate pair; as an escape it survives, as UTF-8 it cannot.
        line = text.encode("utf-8", "backslashreplace") + b"\n"
        self._file.write(line)
        self._note(result, len(line))

    def _note(self, result: Mapping[str, object], size: int) -> None:
        place, self._end = self._end, self._end + size
        index, cost, error = result["index"], result["cost"], result["error"]
        assert isinstance(index, int)
        if self.has(index):
            return
        self._places[index] = place
        self.done += 1
        self.cost_nanos += parse_dollars(cost) if isinstance(cost, str) else 0
        if result["status"] not in (JobState.SUCCEEDED, *_NOT_TAKEN):
            fields = error if isinstance(error, dict) else {}
            code = str(fields.get("code") or result["status"])
            self.failed += 1
            self.failures[code] += 1
            self.examples.setdefault(code, str(fields.get("message") or ""))


def _not_taken(
    index: int, status: str, fault: LineFault, *, custom_id: str | None, code: str
) -> dict[str, object]:
    told = dict.fromkeys(_OF_JOB) | {"status": status}
    told["error"] = {"code": code, "message": fault.what}
    return {"index": index, "custom_id": custom_id, "job_id": None} | told


def _parse(line: bytes, *, lines: int) -> dict[str, object] | None:
    """Return a kept result, or None for what a crash left half written."""
    if not line.endswith(b"\n"):
        return None
    try:
        result = json.loads(line)
    except (ValueError, RecursionError):
        return None
    wanted = {"index", "status", "error", "cost"}
    if not isinstance(result, dict) or not wanted <= result.keys():
        return None
    index, cost = result["index"], result["cost"]
    # A line at the end that was not taken may be gone from the file.
    end = LINES_MAX if result["status"] in _NOT_TAKEN else lines
    if not isinstance(index, int) or not 0 <= index < end:
        return None
    try:
        parse_dollars(cost or "0")
    except ValueError:
        return None
    return result
