"""T2: lease jobs, hold their money, choose their routes, open their attempts: one transaction."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain import routing
from app.domain.errors import DeadlinePassed, NotFound
from app.domain.hold import Hold
from app.domain.instrument import Route
from app.domain.job import FINAL, JobState, Lane, Reason
from app.gateway import Gateway
from app.services.replenish.outlook import Outlooks
from app.services.starting.purse import Purse
from app.services.starting.refusing import end, put_back, put_off, refuse
from app.store.engine import Session, again, transaction
from app.store.starting import claiming, claims, funds, histories, starts, windows
from app.store.starting.claims import Claimed, Left
from app.store.starting.funds import Funds
from app.store.starting.histories import History
from app.store.starting.starts import NewAttempt, Refusal

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
    max_cost_nanos: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """What came of a group: jobs to call for, jobs that ended right here, and jobs left for later.

    Those were too heavy to be claimed together; they have been rung for again.
    """

    started: tuple[Started, ...]
    ended: tuple[str, ...]
    left: tuple[Left, ...] = ()


class _Overtaken(Exception):
    """A lot that was seen, not locked, has been drawn from by another meanwhile."""


_NO_HISTORY: Final = History(hold=None, failed_routes=())


def start(gateway: Gateway, job_ids: Sequence[str], worker_id: str) -> Starts:
    """Start those of `job_ids` that are due and free. Each hold is drawn before its call begins."""
    try:
        come = again(lambda: _start(gateway, job_ids, worker_id, alone=len(job_ids) == 1))
    except _Overtaken:
        come = again(lambda: _start(gateway, job_ids, worker_id, alone=False))
    came, outlooks = come
    outlooks.ask()
    for lane in Lane:
        gateway.broker.nudge(lane, [job.id for job in came.left if job.lane is lane])
    return came


def _start(
    gateway: Gateway, job_ids: Sequence[str], worker_id: str, *, alone: bool
) -> tuple[Starts, Outlooks]:
    with transaction(gateway.engine) as conn:
        claimed, left, seen = _claim(gateway, conn, job_ids, worker_id, alone=alone)
        tried = [job.id for job in claimed if job.attempt > 1]
        past = histories.of(conn, tried) if tried else {}
        broke = [job for job in claimed if past.get(job.id, _NO_HISTORY).hold is None]
        found = _enough(gateway, claimed, seen) or funds.lock(conn, broke)
        outlooks = Outlooks(gateway, conn)
        started, refusals = _sort(gateway, claimed, past, Purse(found), outlooks)
        new_holds = [job.hold for job in started if past.get(job.id, _NO_HISTORY).hold is None]
        if not starts.write(conn, new_holds, [_attempt(job) for job in started]):
            raise _Overtaken
        windows.reserve(conn, new_holds, found.windows)
        if refusals:
            starts.refuse(conn, refusals)
    _tell_unknown(gateway, claimed, refusals)
    ended = tuple(r.job_id for r in refusals if r.state in FINAL)
    return Starts(started=tuple(started), ended=ended, left=tuple(left)), outlooks


def _claim(
    gateway: Gateway, conn: Session, ids: Sequence[str], worker_id: str, *, alone: bool
) -> tuple[Sequence[Claimed], Sequence[Left], Funds | None]:
    lease_s = gateway.settings.lease_s
    if alone:
        job, seen = claiming.claim(conn, ids[0], worker_id, lease_s)
        return [] if job is None else [job], [], seen
    return *claims.claim(conn, ids, worker_id, lease_s, free=_free_instruments(gateway)), None


def _enough(gateway: Gateway, claimed: Sequence[Claimed], seen: Funds | None) -> Funds | None:
    """Return what was seen if it will do, so that an account's lots stay free for its other jobs.

    A refusal must see them locked: what comes back a moment later wakes whom it finds waiting.
    """
    if seen is None:
        return None
    purse, catalog = Purse(seen), gateway.catalog
    found = [(job, catalog.instrument(job.instrument)) for job in claimed]
    return seen if all(it is None or purse.pays_from_one(job, it) for job, it in found) else None


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
        late = DeadlinePassed()
        return end(job, JobState.EXPIRED, late, 504) if history.hold is None else put_off(job)
    if instrument is None or (job.request is None and history.hold is not None):
        return put_back(gateway, job)
    if job.is_read and job.request is None:
        gone = NotFound("The request's body is gone; send the request again.")
        return end(job, JobState.FAILED, gone, 404)
    hold = history.hold
    if hold is None:
        drawn = purse.hold(job, instrument)
        if not isinstance(drawn, Hold):
            return refuse(gateway, job, drawn, outlooks)
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
        max_cost_nanos=job.max_cost_nanos,
    )


def _attempt(job: Started) -> NewAttempt:
    return NewAttempt(
        job_id=job.id, number=job.attempt, provider=job.route.provider, model=job.route.model
    )
