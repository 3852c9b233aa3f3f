"""T3: decide what becomes of each attempt, write it fenced, wake who waits."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from prometheus_client import Counter

from app.domain import routing
from app.domain.attempt import Answer, AttemptState, Failure, FailureKind, Interrupted, Outcome
from app.domain.backoff import delay_s
from app.domain.errors import (
    BusbarError,
    DeadlinePassed,
    JobCancelled,
    ProviderRejected,
    ProviderUnavailable,
    StreamInterrupted,
)
from app.domain.hold import HoldState, capture
from app.domain.job import FINAL, JobState, Lane, Reason
from app.domain.settlement import Settlement
from app.gateway import Gateway
from app.services.settling.booking import billed, book
from app.services.start import Started
from app.store import money, settlements
from app.store.engine import again, statement, transaction
from app.store.keeping import unwanted
from app.store.settling import locking

MESSAGE_CHARACTERS_MAX: Final = 1_000

_settled = Counter(
    "busbar_jobs_settled_total", "Attempts settled, by what became of the job.", ["state"]
)
_absorbed = Counter(
    "busbar_answers_absorbed_total", "Answers that came after their lease was lost; nobody pays."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """An attempt whose call is over."""

    job: Started
    outcome: Outcome


def settle(gateway: Gateway, finished: Sequence[Finished]) -> None:
    """Write what became of these attempts in one transaction; then wake, then ring.

    A worker that lost its lease settles nothing: its answers are counted as absorbed.
    """
    newest = _newest(finished)
    decided = [(each, _decide(gateway, each)) for each in newest]
    group = [settlement for _, settlement in decided]

    settled, cancelled = again(lambda: _write(gateway, group))
    # Also for what was settled before: by this very group, perhaps, whose commit nobody heard of.
    gateway.broker.publish_results([s.job_id for s in group if s.state in FINAL] + cancelled)
    for lane in Lane:
        gateway.broker.nudge(
            lane,
            [
                s.job_id
                for each, s in decided
                if s.state is JobState.QUEUED
                and each.job.lane is lane
                and s.job_id in settled
                and s.job_id not in cancelled
            ],
        )
    _count(group, settled, cancelled)
    if len(newest) < len(finished):
        late = [each for each in finished if not any(each is kept for kept in newest)]
        _absorbed.inc(sum(isinstance(each.outcome, Answer) for each in late))


def _count(group: Sequence[Settlement], settled: set[str], cancelled: Sequence[str]) -> None:
    for s in group:
        if s.job_id in cancelled:
            _settled.labels(JobState.CANCELLED).inc()
        elif s.job_id in settled:
            _settled.labels(s.state).inc()
        elif s.attempt_state is AttemptState.SUCCEEDED:
            _absorbed.inc()


def _newest(finished: Sequence[Finished]) -> list[Finished]:
    """Keep one attempt per job, the newest: an older one in the same group is a late one."""
    newest: dict[str, Finished] = {}
    for each in finished:
        known = newest.get(each.job.id)
        if known is None or known.job.attempt < each.job.attempt:
            newest[each.job.id] = each
    return list(newest.values())


def _write(gateway: Gateway, group: Sequence[Settlement]) -> tuple[set[str], list[str]]:
    """Write a group; return the jobs it settled, and those that were cancelled meanwhile.

    A job that would go on although nobody wants it any more ends in the same transaction.
    """
    goes_on = any(s.state not in FINAL for s in group)
    alone = settlements.is_one_statement(group) and not goes_on
    with (statement if alone else transaction)(gateway.engine) as conn:
        if any(s.due for s in group):
            group = book(locking.lock(conn, group), gateway, group)
        elif not alone:
            locking.fence(conn, group)
        settled = settlements.settle(conn, group)
        capped = [s.job_id for s in group if s.caps and s.job_id in settled]
        grace_s = gateway.settings.leave_grace_s
        cancelled = unwanted.end(conn, sorted(settled), grace_s=grace_s) if goes_on else []
        money.release(conn, cancelled, closed=capped)
    return settled, cancelled


def _decide(gateway: Gateway, finished: Finished) -> Settlement:
    job, outcome = finished.job, finished.outcome
    if isinstance(outcome, Answer):
        return _succeed(gateway, job, outcome)
    if isinstance(outcome, Interrupted):
        return _interrupt(job, outcome)
    return _fail(gateway, job, outcome)


def _succeed(gateway: Gateway, job: Started, answer: Answer) -> Settlement:
    settlement = Settlement(
        job_id=job.id,
        attempt=job.attempt,
        state=JobState.SUCCEEDED,
        attempt_state=AttemptState.SUCCEEDED,
        attempt_status_code=answer.status_code,
        status_code=answer.status_code,
        result=answer.body,
    )
    billed_one = billed(gateway, settlement, job, answer)
    return _cut_short(billed_one) if answer.partial else billed_one


def _cut_short(settled: Settlement) -> Settlement:
    """Return what becomes of half an answer: it is kept and paid for, and nobody's whole one."""
    return replace(
        settled,
        state=JobState.CANCELLED,
        attempt_state=AttemptState.INTERRUPTED,
        partial=True,
        error_code=JobCancelled.code,
        error_message="The job was cancelled, or its client left, in the middle of its answer;"
        f" what was made of it: GET /v1/jobs/{settled.job_id}. To ask anew, use no Idempotency-Key"
        " or a new one.",
    )


def _interrupt(job: Started, outcome: Interrupted) -> Settlement:
    if outcome.cancelled:
        return _end(job, JobState.CANCELLED, AttemptState.INTERRUPTED, JobCancelled())
    if outcome.begun:
        return _end(job, JobState.FAILED, AttemptState.INTERRUPTED, StreamInterrupted())
    return Settlement(
        job_id=job.id,
        attempt=job.attempt,
        state=JobState.QUEUED,
        attempt_state=AttemptState.INTERRUPTED,
        counted=False,
        keeps=job.hold.lot_ids,
    )


def _fail(gateway: Gateway, job: Started, failure: Failure) -> Settlement:
    if failure.kind is FailureKind.REJECTED:
        return _end(
            job,
            JobState.FAILED,
            AttemptState.FAILED,
            ProviderRejected(failure.message),
            status=failure.status_code or 400,
            failure=failure,
        )
    if failure.begun:
        return _end(job, JobState.FAILED, AttemptState.FAILED, StreamInterrupted(), failure=failure)
    if failure.symbol == "deadline":
        return _end(
            job,
            JobState.EXPIRED,
            AttemptState.FAILED,
            DeadlinePassed(),
            status=504,
            failure=failure,
        )
    failures = job.failures + 1
    if failures >= gateway.settings.attempts_max:
        message = f"No provider could answer after {failures} attempts; the last: {failure.message}"
        error = ProviderUnavailable(message)
        return _end(job, JobState.FAILED, AttemptState.FAILED, error, status=503, failure=failure)
    return _again(gateway, job, failure, failures)


def _again(gateway: Gateway, job: Started, failure: Failure, failures: int) -> Settlement:
    routes = gateway.catalog.routes.get(job.instrument, ())
    elsewhere = routing.another_left(routes, [*job.failed_routes, job.route.name])
    jitter = int.from_bytes(gateway.entropy(2), "big") / 65_536
    return Settlement(
        job_id=job.id,
        attempt=job.attempt,
        state=JobState.QUEUED if elsewhere else JobState.WAITING,
        reason=None if elsewhere else Reason.BACKOFF,
        attempt_state=AttemptState.FAILED,
        failure=failure.symbol,
        attempt_status_code=failure.status_code,
        keeps=job.hold.lot_ids,
        retry_ms=0
        if elsewhere
        else round(1_000 * delay_s(failures, jitter, failure.retry_after_s)),
    )


def _end(
    job: Started,
    state: JobState,
    attempt_state: AttemptState,
    error: BusbarError,
    *,
    status: int | None = None,
    failure: Failure | None = None,
) -> Settlement:
    captures = capture(job.hold, 0)
    return Settlement(
        job_id=job.id,
        attempt=job.attempt,
        state=state,
        attempt_state=attempt_state,
        failure=failure.symbol if failure else None,
        attempt_status_code=failure.status_code if failure else None,
        status_code=status,
        error_code=error.code,
        error_message=_storable(error.message)[:MESSAGE_CHARACTERS_MAX],
        hold_state=HoldState.RELEASED,
        captures=captures,
        transfer_ids=("",) * len(captures),
        caps=job.hold.caps,
        result=_particulars(failure) if failure else None,
    )


def _particulars(failure: Failure) -> bytes | None:
    """Return what else a refusal says, as a failed job keeps it: the provider's code and param."""
    if failure.kind is not FailureKind.REJECTED or not (failure.code or failure.param):
        return None
    return json.dumps({"code": failure.code, "param": failure.param}).encode()


def _storable(text: str) -> str:
    """A provider's words without what Postgres text cannot hold: NUL, and half a surrogate pair."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")
