"""T2: lease jobs, hold their money, choose their routes, open their attempts: one transaction."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.domain import routing
from app.domain.errors import BusbarError, DeadlinePassed, InsufficientBalance, NotFound
from app.domain.hold import Hold
from app.domain.instrument import Route
from app.domain.job import JobState, Lane, OnEmpty, Reason
from app.domain.money import format_dollars
from app.gateway import Gateway
from app.services.replenish.outlook import Outlooks
from app.services.starting.purse import Full, Purse, Short
from app.store import money
from app.store.engine import again, transaction
from app.store.starting import claims, funds, histories, starts, windows
from app.store.starting.claims import Claimed, Left
from app.store.starting.histories import History
from app.store.starting.starts import NewAttempt, Refusal

BALANCE_LOOK_S: Final = 3_600.0
"""How often a job that waits for its balance looks by itself. The keeper wakes it long before, as
soon as its account can pay; this is for a price that fell."""

CAP_FIRST_S: Final = 2.0
CAP_HELD_MAX_S: Final = 300.0
CAP_LOOK_S: Final = 3_600.0
"""How long a job waits whose cap is reached: doubled each time while jobs under way hold a part of
it, which may come back; else until the cap resets, but no longer than it may take until one notices
that it was raised."""

UNKNOWN_FIRST_S: Final = 2.0
UNKNOWN_MAX_S: Final = 300.0
"""How long a job waits whose instrument this worker does not know: doubled each time, with jitter.
While a catalog is rolled out another worker may know it; when it is gone for good, few look."""

log = logging.getLogger("busbar.start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A job in this worker's hands: leased, paid for, and with a way to go."""

    id: str
    attempt: int
    lane: Lane
    endpoint: str
    instrument: str
    hold: Hold
    route: Route
    failed_routes: tuple[str, ...]
    failures: int
    left_s: float
    input_tokens_max: int
    output_tokens_max: int
    request: bytes
    stream: bool = False
    betas: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """What came of a group: jobs to call for, jobs that ended right here, and jobs left for later.

    Those were too heavy to be claimed together; they have been rung for again.
    """

    started: tuple[Started, ...]
    ended: tuple[str, ...]
    left: tuple[Left, ...] = ()


_NO_HISTORY: Final = History(hold=None, failed_routes=())


def start(gateway: Gateway, job_ids: Sequence[str], worker_id: str) -> Starts:
    """Start those of `job_ids` that are due and free. Each hold is drawn before its call begins."""
    came, outlooks = again(lambda: _start(gateway, job_ids, worker_id))
    outlooks.ask()
    for lane in Lane:
        gateway.broker.nudge(lane, [job.id for job in came.left if job.lane is lane])
    return came


def _start(gateway: Gateway, job_ids: Sequence[str], worker_id: str) -> tuple[Starts, Outlooks]:
    free = _free_instruments(gateway) if len(job_ids) > 1 else ()
    with transaction(gateway.engine) as conn:
        claimed, left = claims.claim(conn, job_ids, worker_id, gateway.settings.lease_s, free=free)
        tried = [job.id for job in claimed if job.attempt > 1]
        past = histories.of(conn, tried) if tried else {}
        broke = [job for job in claimed if past.get(job.id, _NO_HISTORY).hold is None]
        locked = funds.lock(conn, broke)
        outlooks = Outlooks(gateway, conn)
        started, refusals = _sort(gateway, claimed, past, Purse(locked), outlooks)
        new_holds = [job.hold for job in started if past.get(job.id, _NO_HISTORY).hold is None]
        starts.write(conn, new_holds, [_attempt(job) for job in started])
        windows.reserve(conn, new_holds, locked.windows)
        if refusals:
            starts.refuse(conn, refusals)
            money.release(conn, [r.job_id for r in refusals if r.state is not JobState.WAITING])
    _tell_unknown(gateway, claimed, refusals)
    ended = tuple(r.job_id for r in refusals if r.state is not JobState.WAITING)
    return Starts(started=tuple(started), ended=ended, left=tuple(left)), outlooks


def _tell_unknown(
    gateway: Gateway, claimed: Sequence[Claimed], refusals: Sequence[Refusal]
) -> None:
    unknown = {
        name for name in {j.instrument for j in claimed} if gateway.catalog.instrument(name) is None
    }
    put_back = {r.job_id for r in refusals if r.reason is Reason.CAPACITY}
    jobs = [job for job in claimed if job.id in put_back and job.instrument in unknown]
    if jobs:
        names = ",".join(sorted({job.instrument for job in jobs}))
        log.warning("start.unknown_instruments jobs=%d names=%s", len(jobs), names)


def _free_instruments(gateway: Gateway) -> list[str]:
    instruments = gateway.catalog.instruments.values()
    return [it.name for it in instruments if not it.price.input_nanos | it.price.output_nanos]


def _sort(
    gateway: Gateway,
    claimed: Sequence[Claimed],
    histories: Mapping[str, History],
    purse: Purse,
    outlooks: Outlooks,
) -> tuple[list[Started], list[Refusal]]:
    started, refusals = [], []
    for job in claimed:
        history = histories.get(job.id, _NO_HISTORY)
        outcome = _try(gateway, job, history, purse, outlooks)
        if isinstance(outcome, Refusal):
            refusals.append(outcome)
        else:
            started.append(outcome)
    return started, refusals


def _try(
    gateway: Gateway, job: Claimed, history: History, purse: Purse, outlooks: Outlooks
) -> Started | Refusal:
    instrument = gateway.catalog.instrument(job.instrument)
    if job.left_s <= 0:
        return _end(job, JobState.EXPIRED, DeadlinePassed(), 504)
    if instrument is None:
        return _put_back(gateway, job)
    if job.is_read and job.request is None:
        gone = NotFound("The request's body is gone; send the request again.")
        return _end(job, JobState.FAILED, gone, 404)
    hold = history.hold
    if hold is None:
        drawn = purse.hold(job, instrument)
        if not isinstance(drawn, Hold):
            return _refuse(gateway, job, drawn, outlooks)
        hold = drawn
    assert job.request is not None  # what has a hold, or may have one, was read
    routes = gateway.catalog.routes[instrument.name]
    return Started(
        id=job.id,
        attempt=job.attempt,
        lane=job.lane,
        endpoint=job.endpoint,
        instrument=instrument.name,
        hold=hold,
        route=routing.choose(routes, history.failed_routes),
        failed_routes=history.failed_routes,
        failures=job.failures,
        left_s=job.left_s,
        input_tokens_max=job.input_tokens_max,
        output_tokens_max=job.output_tokens_max,
        request=job.request,
        stream=job.stream,
        betas=job.betas,
    )


def _refuse(
    gateway: Gateway, job: Claimed, why: Short | Full | BusbarError, outlooks: Outlooks
) -> Refusal:
    if isinstance(why, BusbarError):
        return _end(job, JobState.FAILED, why, 402)
    if isinstance(why, Full):
        return _capped(gateway, job, why)
    if job.on_empty is OnEmpty.FAIL:
        told = outlooks.tell(
            job.account_id,
            job.instrument,
            needed_nanos=why.needed_nanos,
            available_nanos=why.available_nanos,
        )
        end = _end(job, JobState.FAILED, told.error, told.status_code)
        return replace(end, retry_s=told.retry_after_s)
    return _wait(gateway, job, why, outlooks)


def _wait(gateway: Gateway, job: Claimed, why: Short, outlooks: Outlooks) -> Refusal:
    """Let a job wait for its balance: a single one as long as it has patience left."""
    look_s = BALANCE_LOOK_S * (1 + _jitter(gateway))
    if job.lane is Lane.INTERACTIVE:
        left_s = gateway.settings.balance_wait_s - job.short_s
        if left_s <= 0:
            lack = InsufficientBalance(_lack(why.needed_nanos, why.available_nanos))
            return _end(job, JobState.FAILED, lack, 402)
        look_s = min(look_s, left_s)
    outlooks.wait(job.account_id)
    return Refusal(
        job_id=job.id,
        state=JobState.WAITING,
        reason=Reason.BALANCE,
        retry_s=look_s,
        needed_nanos=why.needed_nanos,
    )


def _capped(gateway: Gateway, job: Claimed, why: Full) -> Refusal:
    if job.on_empty is OnEmpty.FAIL:
        return _end(job, JobState.FAILED, why.error, 402)
    left_s = (why.window.resets_at - gateway.now()).total_seconds()
    delay_s = min(max(left_s, CAP_FIRST_S), CAP_LOOK_S)
    if why.window.held_nanos:
        delay_s = min(delay_s, _doubled(CAP_FIRST_S, CAP_HELD_MAX_S, job.attempt))
    return Refusal(
        job_id=job.id,
        state=JobState.WAITING,
        reason=Reason.CAPACITY,
        retry_s=delay_s * (1 + _jitter(gateway)),
    )


def _lack(needed_nanos: int, available_nanos: int) -> str:
    needed, available = format_dollars(needed_nanos), format_dollars(available_nanos)
    return (
        f"This job may cost up to ${needed}, and the balance has ${available} available for it;"
        " deposit funds, then send it again."
    )


def _put_back(gateway: Gateway, job: Claimed) -> Refusal:
    """Leave a job to workers that know its instrument; its deadline ends it if there are none."""
    delay_s = _doubled(UNKNOWN_FIRST_S, UNKNOWN_MAX_S, job.attempt)
    return Refusal(
        job_id=job.id,
        state=JobState.WAITING,
        reason=Reason.CAPACITY,
        retry_s=delay_s * (1 + _jitter(gateway)),
    )


def _end(job: Claimed, state: JobState, error: BusbarError, status: int) -> Refusal:
    return Refusal(
        job_id=job.id,
        state=state,
        reason=None,
        status_code=status,
        error_code=error.code,
        error_message=error.message,
    )


def _doubled(first_s: float, max_s: float, attempt: int) -> float:
    return min(max_s, first_s * float(1 << min(attempt - 1, 16)))


def _jitter(gateway: Gateway) -> float:
    return gateway.entropy(1)[0] / 256


def _attempt(job: Started) -> NewAttempt:
    return NewAttempt(
        job_id=job.id, number=job.attempt, provider=job.route.provider, model=job.route.model
    )
