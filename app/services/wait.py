"""Waiting for a job without holding a connection, and reading many finished ones at once."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from app.domain.errors import NotFound
from app.domain.job import Job
from app.gateway import Gateway
from app.services.gather import Gather
from app.store import jobs
from app.store.engine import statement

LOOK_S: Final = 2.0
"""How often a waiter looks at its row by itself, should the wake-up have been lost."""


class Waiting:
    """One wait for one job; made before the job is submitted, so that no wake-up is missed."""

    def __init__(self, gateway: Gateway, read: "Callable[[str, str], Job]", job_id: str) -> None:
        self._wakeups = gateway.wakeups
        self._read = read
        self._job_id = job_id
        self._ring = gateway.wakeups.expect(job_id)

    def until_final(self, account_id: str, wait_s: float) -> Job:
        """Return the job once it is final, or as it is when `wait_s` seconds are over.

        Raises NotFound when the account has no such job.
        """
        ends = time.monotonic() + wait_s
        try:
            while (left := ends - time.monotonic()) > 0:
                woken = self._ring.acquire(timeout=min(left, LOOK_S))
                job = self._read(account_id, self._job_id)
                if job.is_final:
                    return job
                if woken:
                    self._ring = self._wakeups.expect(self._job_id)
            return self._read(account_id, self._job_id)
        finally:
            self.close()

    def close(self) -> None:
        """Stop listening; harmless when it is done already."""
        self._wakeups.forget(self._job_id, self._ring)


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
        job = together((account_id, job_id))
        if job is None:
            raise NotFound(f"No job {job_id!r}.", param="id")
        return job

    return read


def _of(job: Job | None, account_id: str) -> Job | None:
    return job if job is not None and job.account_id == account_id else None
