"""The count of calls: the outside truth about what a gateway sent, by job and attempt."""

from collections import Counter, deque
from typing import Final

from app.simulator.streams import Streams

JOBS_MAX: Final = 200_000  # the latest ones are remembered
ATTEMPTS_MAX: Final = 1_000  # told apart for one job
NAME_CHARS_MAX: Final = 200  # of a job id or an attempt


class Calls:
    """How many calls came, for which job and attempt, and how they ended."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.era = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything but the calls still in flight."""
        self.era += 1
        self.total = 0
        self.answered = 0
        self.aborted = 0
        self.weighed = 0
        self.streams = Streams()
        self.jobs_seen = 0
        self.in_flight_peak = self.in_flight
        self.faults: Counter[str] = Counter()
        # A job called once, as nearly all are, costs its attempt's name and no counter of its own.
        self._jobs: dict[str, str | dict[str, int]] = {}
        self._order: deque[str] = deque()

    def begin(self, job: str, attempt: str) -> int:
        """Count a call that came in, under no job if it names none; return the present era."""
        self.total += 1
        self.in_flight += 1
        self.in_flight_peak = max(self.in_flight_peak, self.in_flight)
        if job:
            self._count(job[:NAME_CHARS_MAX], attempt[:NAME_CHARS_MAX])
        return self.era

    def end(self, era: int, *, answered: bool, aborted: bool = False) -> None:
        """Count the end of a call: answered in full or not, perhaps because its client left."""
        self.in_flight -= 1
        if era == self.era:
            self.answered += answered
            self.aborted += aborted

    def of(self, job: str) -> dict[str, int]:
        """Return the calls of one job by attempt; none for a job unknown or forgotten."""
        seen = self._jobs.get(job[:NAME_CHARS_MAX], {})
        return {seen: 1} if isinstance(seen, str) else seen

    def totals(self) -> dict[str, object]:
        """Return the figures that concern no single job."""
        return {
            "total": self.total,
            "answered": self.answered,
            "aborted": self.aborted,
            "in_flight": self.in_flight,
            "in_flight_peak": self.in_flight_peak,
            "streams": self.streams.figures(),
            "token_counts": self.weighed,
            "faults": dict(self.faults),
        }

    def jobs(self) -> dict[str, dict[str, int]]:
        """Return the calls of every job remembered, oldest first."""
        return {job: self.of(job) for job in self._jobs}

    def summary(self) -> dict[str, object]:
        """Return the totals with how many jobs came, and how many of them came again."""
        several = [seen for seen in self._jobs.values() if not isinstance(seen, str)]
        return {
            **self.totals(),
            "jobs_seen": self.jobs_seen,
            "jobs_forgotten": self.jobs_seen - len(self._jobs),
            "jobs_with_several_calls": len(several),
            "repeated": sum(times > 1 for seen in several for times in seen.values()),
        }

    def _count(self, job: str, attempt: str) -> None:
        seen = self._jobs.get(job)
        if seen is None:
            self._remember(job, attempt)
            return
        if isinstance(seen, str):
            seen = self._jobs[job] = {seen: 1}
        if attempt in seen or len(seen) < ATTEMPTS_MAX:
            seen[attempt] = seen.get(attempt, 0) + 1

    def _remember(self, job: str, attempt: str) -> None:
        if len(self._jobs) == JOBS_MAX:
            del self._jobs[self._order.popleft()]
        self.jobs_seen += 1
        self._jobs[job] = attempt
        self._order.append(job)
