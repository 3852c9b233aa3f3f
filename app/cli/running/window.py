"""The window of a run: jobs that were submitted and are not finished, and how they are watched."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Final, Protocol

from app.cli.client.answers import JobSeen
from app.cli.client.session import IDS_MAX, Client
from app.cli.running.stops import START_OVER, Vanished
from app.domain.job import JobState, Reason

GROUPS_MAX: Final = 10
"""Calls of one look."""
PAUSE_MIN_S: Final = 0.05
PAUSE_MAX_S: Final = 1.0
PAUSE_GROWTH: Final = 1.5


class Keep(Protocol):
    """Whoever keeps results."""

    def __call__(self, index: int, job: JobSeen, /, *, had_ended: bool) -> None:
        """Take the finished job of the request with this index."""


class Window:
    """Unfinished jobs, oldest first."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._index: dict[str, int] = {}
        self._marks: dict[str, str] = {}
        self._unseen: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._cursor = 0
        self.pause_s = PAUSE_MIN_S
        """How long it is worth waiting before the next look."""

    def __len__(self) -> int:
        return len(self._index)

    def add(self, job_id: str, index: int, *, is_old: bool) -> None:
        """Watch the job of the request with this index.

        An old one was submitted by an earlier process, and may be over since then.
        """
        self._index[job_id] = index
        if is_old:
            self._unseen.add(job_id)
        self._mark(job_id, JobState.QUEUED)

    @property
    def waiting_for_balance(self) -> int:
        """How many jobs waited for balance when they were last looked at."""
        return self._counts[Reason.BALANCE]

    @property
    def nothing_else_runs(self) -> bool:
        """True when no job is being carried, or will be by waiting a little."""
        return not any(
            self._counts[mark] for mark in (JobState.RUNNING, Reason.BACKOFF, Reason.CAPACITY)
        )

    def look(self, keep: Keep) -> int:
        """Look for finished jobs, hand each to `keep` with its index, return how many there were.

        An old job that is over at its first look had ended before; it is handed over as such.

        Jobs end about in the order they were submitted: the look goes on from the oldest as long
        as it finds something, then moves over the others so that a slow front hides nothing.
        """
        moved = asked = calls = still = 0
        while calls < GROUPS_MAX and (ids := self._ids(still)):
            finished = self._ask(ids, keep)
            calls, asked, moved = calls + 1, asked + len(ids), moved + finished
            still += len(ids) - finished
            if not finished:
                break
        self._cursor = max(self._cursor, still)
        for _ in range(1 if moved else GROUPS_MAX - calls):
            ids = self._ids(self._cursor)
            finished = self._ask(ids, keep) if ids else 0
            asked, moved = asked + len(ids), moved + finished
            self._cursor = self._cursor + len(ids) - finished if ids else 0
            if not ids:
                break
        if not moved:
            self.pause_s = min(PAUSE_MAX_S, self.pause_s * PAUSE_GROWTH)
        elif moved * 2 >= asked:
            self.pause_s = max(PAUSE_MIN_S, self.pause_s / 2)
        return moved

    def _ids(self, start: int) -> list[str]:
        return list(islice(self._index, start, start + IDS_MAX))

    def _ask(self, ids: Sequence[str], keep: Keep) -> int:
        seen = {job.id: job for job in self._client.jobs(ids)}
        finished = 0
        for job_id in ids:
            job = seen.get(job_id)
            if job is None:
                raise Vanished(
                    f"the gateway does not know {job_id}: is this another account's key, or was "
                    f"the gateway's data deleted? Then {START_OVER}"
                )
            is_first_look = job_id in self._unseen
            self._unseen.discard(job_id)
            if job.is_final:
                keep(self._index.pop(job_id), job, had_ended=is_first_look)
                self._counts[self._marks.pop(job_id)] -= 1
                finished += 1
            else:
                self._mark(job_id, job.reason or job.status)
        return finished

    def _mark(self, job_id: str, mark: str) -> None:
        before = self._marks.get(job_id)
        if before is not None:
            self._counts[before] -= 1
        self._marks[job_id] = mark
        self._counts[mark] += 1
