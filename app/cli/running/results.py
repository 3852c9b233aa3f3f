"""The finished lines of a run: kept on disk as they arrive, written in input order at the end."""

import json
import os
from array import array
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.cli.client.answers import JobSeen
from app.domain.job import JobState
from app.domain.money import parse_dollars

_NOWHERE: Final = -1


class Results:
    """Result lines in the order they came; of each only its place in the file is in memory.

    What is written survives the end of this process. It need not survive more: the gateway tells
    it again.
    """

    def __init__(self, path: Path, *, lines: int) -> None:
        self._path = path
        self._places = array("q", [_NOWHERE]) * lines
        self.done = 0
        self.failed = 0
        self.cost_nanos = 0
        self.failures: Counter[str] = Counter()
        """How often each error code ended a line."""
        self.examples: dict[str, str] = {}
        """The first message seen with each error code."""
        self._end = self._load()
        self._file = path.open("ab")

    def has(self, index: int) -> bool:
        """Return whether the line with this index is finished."""
        return self._places[index] != _NOWHERE

    def add(self, index: int, job: JobSeen) -> None:
        """Keep the result of a line; a second result of the same line changes nothing."""
        if self.has(index):
            return
        result = {
            "index": index,
            "custom_id": job.custom_id,
            "job_id": job.id,
            "status": job.status,
            "response": job.response,
            "error": job.error,
            "usage": job.usage,
            "cost": job.cost,
        }
        text = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
        # An answer may hold half a surrogate pair; as an escape it survives, as UTF-8 it cannot.
        line = text.encode("utf-8", "backslashreplace") + b"\n"
        self._file.write(line)
        self._note(result, len(line))

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
                self._note(result, len(line))
            file.truncate(self._end)
        return self._end

    def _note(self, result: Mapping[str, object], size: int) -> None:
        place, self._end = self._end, self._end + size
        index, cost, error = result["index"], result["cost"], result["error"]
        assert isinstance(index, int)
        if self.has(index):
            return
        self._places[index] = place
        self.done += 1
        self.cost_nanos += parse_dollars(cost) if isinstance(cost, str) else 0
        if result["status"] != JobState.SUCCEEDED:
            fields = error if isinstance(error, dict) else {}
            code = str(fields.get("code") or result["status"])
            self.failed += 1
            self.failures[code] += 1
            self.examples.setdefault(code, str(fields.get("message") or ""))


def _parse(line: bytes, *, lines: int) -> dict[str, object] | None:
    """Return a kept result, or None for what a crash left half written."""
    if not line.endswith(b"\n"):
        return None
    try:
        result = json.loads(line)
    except ValueError:
        return None
    wanted = {"index", "status", "error", "cost"}
    if not isinstance(result, dict) or not wanted <= result.keys():
        return None
    index = result["index"]
    return result if isinstance(index, int) and 0 <= index < lines else None
