"""T1: write jobs and ring for them. Idempotency first, then the rows, then the nudge."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import DatabaseUnavailable, IdempotencyMismatch
from app.domain.job import Job, Lane, NewJob, written
from app.gateway import Gateway
from app.services.gather import Gather
from app.services.outage import as_unavailable
from app.services.streaming.leave import attach
from app.store import submissions
from app.store.engine import again, statement, transaction
from app.store.submissions import Claim

SUBMIT_JOBS_MAX: Final = 1_000
"""Jobs one request may bring."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What one request wants written: its jobs, under its Idempotency-Key if it has one.

    `is_retry` marks a client's automatic retry of a call that may have begun a job.
    """

    key_id: str
    fingerprint: bytes
    idempotency_key: str | None
    is_retry: bool
    jobs: tuple[NewJob, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The jobs a request stands for now.

    `jobs` are those it has just written; none when an earlier request had made them. Of a single
    one that was there before, the request counts as one more client: `streaming.leave`.
    """

    job_ids: tuple[str, ...]
    jobs: tuple[Job, ...] = ()

    @property
    def replayed(self) -> bool:
        """True when the jobs were there before."""
        return not self.jobs


def submitter(gateway: Gateway) -> Callable[[Submission], Submitted]:
    """Return the submit door of this process: single jobs share transactions, many have their own.

    Raises IdempotencyMismatch when the key was used with another request, and DatabaseUnavailable
    when nothing could be written.
    """
    together = Gather[Submission, Submitted | None](
        lambda group: _write(gateway, group), size=_bytes_of
    )

    def write_one(submission: Submission) -> Submitted | None:
        if len(submission.jobs) == 1:
            return together(submission)
        return _write(gateway, [submission])[0]

    def submit(submission: Submission) -> Submitted:
        try:
            # A key of the client's own says more than the mark its SDK puts on a retry.
            is_mark = submission.is_retry and submission.idempotency_key is None
            earlier = _attach(gateway, submission) if is_mark else None
            if earlier is not None:
                return earlier
            submitted = write_one(submission)
            if submitted is None and _free(gateway, submission):
                submitted = write_one(submission)
            return submitted or _replay(gateway, submission)
        except SQLAlchemyError as error:
            raise as_unavailable(error) or error from error

    return submit


def claim_key(gateway: Gateway, claim: Claim) -> None:
    """Keep an Idempotency-Key for a request that submits no job, such as a cancellation.

    Raises IdempotencyMismatch when the key was used with another request.
    """
    with statement(gateway.engine) as conn:
        submissions.add(conn, [], [claim])
    _claimed_by(gateway, claim)


def _write(gateway: Gateway, group: Sequence[Submission]) -> list[Submitted | None]:
    """Write a group in one statement; None for those whose Idempotency-Key was taken already."""
    new = [job for submission in group for job in submission.jobs]
    # Two requests of one group may carry the same key: the first one claims it for both.
    claims = {
        (submission.key_id, submission.idempotency_key): _claim(submission)
        for submission in reversed(group)
        if submission.idempotency_key is not None
    }
    losers = {
        id(submission)
        for submission in group
        if submission.idempotency_key is not None
        and claims[submission.key_id, submission.idempotency_key].job_ids
        != tuple(job.id for job in submission.jobs)
    }
    if losers:
        new = [
            job for submission in group if id(submission) not in losers for job in submission.jobs
        ]

    def write() -> dict[str, datetime]:
        with statement(gateway.engine) as conn:
            return submissions.add(conn, new, list(claims.values()))

    at = again(write)
    interactive = [job.id for job in new if job.lane is Lane.INTERACTIVE and job.id in at]
    gateway.broker.nudge(Lane.INTERACTIVE, interactive)
    return [_submitted(submission, at) for submission in group]


def _bytes_of(submission: Submission) -> int:
    return sum(len(job.request) for job in submission.jobs)


def _submitted(submission: Submission, at: Mapping[str, datetime]) -> Submitted | None:
    if submission.jobs[0].id not in at:
        return None
    return Submitted(
        job_ids=tuple(job.id for job in submission.jobs),
        jobs=tuple(written(job, at[job.id]) for job in submission.jobs),
    )


def _claim(submission: Submission) -> Claim:
    assert submission.idempotency_key is not None
    return Claim(
        key_id=submission.key_id,
        idempotency_key=submission.idempotency_key,
        fingerprint=submission.fingerprint,
        job_ids=tuple(job.id for job in submission.jobs),
    )


def _free(gateway: Gateway, submission: Submission) -> bool:
    """Free the Idempotency-Key of a request that was told to come back, and now does."""
    with statement(gateway.engine) as conn:
        return submissions.free_refused(conn, _claim(submission))


def _replay(gateway: Gateway, submission: Submission) -> Submitted:
    job_ids = _claimed_by(gateway, _claim(submission))
    if len(job_ids) == 1:
        attach(gateway, submission.jobs[0].account_id, job_ids[0])
    return Submitted(job_ids=job_ids)


def _claimed_by(gateway: Gateway, claim: Claim) -> tuple[str, ...]:
    """Return the jobs an Idempotency-Key stands for. Raises IdempotencyMismatch."""
    with statement(gateway.engine) as conn:
        found = submissions.by_idempotency_key(conn, claim.key_id, claim.idempotency_key)
    if found is None:  # purged between the two statements: a day has passed
        raise DatabaseUnavailable
    fingerprint, job_ids = found
    if fingerprint != claim.fingerprint:
        raise IdempotencyMismatch
    return job_ids


def _attach(gateway: Gateway, submission: Submission) -> Submitted | None:
    """Find the job that the first try of this very call has started (no SDK sends a key for it)."""

    def write() -> str | None:
        with transaction(gateway.engine) as conn:
            return submissions.attach(conn, submission.key_id, submission.fingerprint)

    job_id = again(write)
    return Submitted(job_ids=(job_id,)) if job_id else None
