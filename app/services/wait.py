"""Waiting for a job without holding a connection, and reading many finished ones at once."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import NotFound, WaitTimedOut
from app.domain.ids import is_plausible
from app.domain.job import Job
from app.gateway import Gateway
from app.services.gather import Gather
from app.services.outage import as_unavailable
from app.store import jobs
from app.store.engine import statement

LOOK_S: Final = 2.0
LOOK_MAX_S: Final = 15.0
"""How long a waiter relies on the wake-up before it looks at its row: at first, and at most."""


class Waiting:
    """One wait for one job; made before the job is submitted, so that no wake-up is missed."""

    def __init__(self, gateway: Gateway, read: "Callable[[str, str], Job]", job_id: str) -> None:
        self._wakeups = gateway.wakeups
        self._read = read
        self._job_id = job_id
        self._ring = gateway.wakeups.expect(job_id)
        self._looks = 0

    def until_final(self, account_id: str, wait_s: float, *, look_first: bool = True) -> Job:
        """Return the job once it is final, or as it is when `wait_s` seconds are over.

        `look_first` is for jobs that may have ended before this wait began. Raises NotFound when
        the account has no such job, and WaitTimedOut when the database was away until the end.
        """
        ends = time.monotonic() + wait_s
        job = None
        try:
            if look_first:
                job = self._look(account_id)
            while (left := ends - time.monotonic()) > 0 and not (job and job.is_final):
                if self._ring.acquire(timeout=min(left, self._pause_s())):
                    self._ring = self._wakeups.expect(self._job_id)
                job = self._look(account_id)
        finally:
            self.close()
        job = job or self._look(account_id)
        if job is None:
            raise WaitTimedOut(f"The job {self._job_id} is accepted; the database is away.")
        return job

    def _look(self, account_id: str) -> Job | None:
        """Read the job. While the database is away it is simply not known yet: it was accepted."""
        try:
            return self._read(account_id, self._job_id)
        except SQLAlchemyError as error:
            if as_unavailable(error) is None:
                raise
            return None

    def _pause_s(self) -> float:
        """How long to rely on the wake-up alone; longer the longer nothing came."""
        pause_s = min(LOOK_S * 1.5**self._looks, LOOK_MAX_S)
        self._looks += 1
        return pause_s

    def close(self) -> None:
        """Stop listening; harmless when it is done already."""
        self._wakeups.forget(self._job_id, self._ring.release)


def reader(gateway: Gateway) -> Callable[[str, str], Job]:
    """Return the read door of this process: (account id, job id) → job with its answer.

    Raises NotFound, for another account's job too.
    """

    def read_many(owned: Sequence[tuple[str, str]]) -> list[Job | None]:
        with statement(gateway.engine) as conn:
            found = jobs.find_many(conn, owned)
        return [_of(found.get(job_id), account_id) for account_id, job_id in owned]

    together = Gather[tuple[str, str], Job | None](read_many)

    def read(account_id: str, job_id: str) -> Job:
        # An impossible id must not fail the group it would be read with.
        job = together((account_id, job_id)) if is_plausible(job_id) else None
        if job is None:
            raise NotFound(f"No job {job_id!r}.", param="id")
        return job

    return read


def _of(job: Job | None, account_id: str) -> Job | None:
    return job if job is not None and job.account_id == account_id else None
