"""T2: lease jobs, hold their money, choose their routes, open their attempts: one transaction."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.domain import routing
from app.domain.errors import DeadlinePassed, NotFound
from app.domain.hold import Hold
from app.domain.instrument import Route
from app.domain.job import FINAL, JobState, Lane, Reason
from app.domain.settlement import Settlement
from app.gateway import Gateway
from app.services.replenish.outlook import Outlooks
from app.services.starting.purse import Purse
from app.services.starting.refusing import end, given_up, put_back, refuse
from app.store import settlements
from app.store.engine import again, transaction
from app.store.starting import claims, funds, histories, starts, windows
from app.store.starting.claims import Claimed, Left
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """What came of a group: jobs to call for, jobs that ended right here, and jobs left for later.

    Those were too heavy to be claimed together; they have been rung for again.
    """

    started: tuple[Started, ...]
    ended: tuple[str, ...]
    left: tuple[Left, ...] = ()


_NO_HISTORY: Final = History(hold=None, failed_routes=())


@dataclass(frozen=True, slots=True)
class _Sorted:
    """A group's jobs by what becomes of them. `given_up` cannot start, and have a hold already."""

    started: list[Started] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    given_up: list[Settlement] = field(default_factory=list)

    @property
    def ended(self) -> tuple[str, ...]:
        return tuple(each.job_id for each in self.refused if each.state in FINAL)


def start(gateway: Gateway, job_ids: Sequence[str], worker_id: str) -> Starts:
    """Start those of `job_ids` that are due and free. Each hold is drawn before its call begins."""
    came, left, outlooks = again(lambda: _start(gateway, job_ids, worker_id))
    outlooks.ask()
    ended = set(came.ended)
    if came.given_up:
        # By themselves: their lots would be locked after those of the new holds, out of order.
        # Until then they are leased like any other, and come back if this process dies.
        ended |= again(lambda: _give_up(gateway, came.given_up))
    for lane in Lane:
        gateway.broker.nudge(lane, [job.id for job in left if job.lane is lane])
    return Starts(started=tuple(came.started), ended=tuple(sorted(ended)), left=tuple(left))


def _start(
    gateway: Gateway, job_ids: Sequence[str], worker_id: str
) -> tuple[_Sorted, list[Left], Outlooks]:
    free = _free_instruments(gateway) if len(job_ids) > 1 else ()
    with transaction(gateway.engine) as conn:
        claimed, left = claims.claim(conn, job_ids, worker_id, gateway.settings.lease_s, free=free)
        tried = [job.id for job in claimed if job.attempt > 1]
        past = histories.of(conn, tried) if tried else {}
        broke = [job for job in claimed if past.get(job.id, _NO_HISTORY).hold is None]
        locked = funds.lock(conn, broke)
        outlooks = Outlooks(gateway, conn)
        came = _sort(gateway, claimed, past, Purse(locked), outlooks)
        new = [job.hold for job in came.started if past.get(job.id, _NO_HISTORY).hold is None]
        starts.write(conn, new, [_attempt(job) for job in came.started])
        windows.reserve(conn, new, locked.windows)
        if came.refused:
            starts.refuse(conn, came.refused)
    _tell_unknown(gateway, claimed, came.refused)
    return came, left, outlooks


def _give_up(gateway: Gateway, hopeless: Sequence[Settlement]) -> set[str]:
    with transaction(gateway.engine) as conn:
        ended = settlements.settle(conn, hopeless)
        windows.move(conn, sorted(ended))
    return ended


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
) -> _Sorted:
    came = _Sorted()
    for job in claimed:
        history = histories.get(job.id, _NO_HISTORY)
        outcome = _try(gateway, job, history, purse, outlooks)
        if isinstance(outcome, Started):
            came.started.append(outcome)
        elif history.hold is not None and outcome.state in FINAL:
            came.given_up.append(given_up(job, history.hold, outcome))
        else:
            came.refused.append(outcome)
    return came


def _try(
    gateway: Gateway, job: Claimed, history: History, purse: Purse, outlooks: Outlooks
) -> Started | Refusal:
    instrument = gateway.catalog.instrument(job.instrument)
    if job.left_s <= 0:
        return end(job, JobState.EXPIRED, DeadlinePassed(), 504)
    if instrument is None:
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
    )


def _attempt(job: Started) -> NewAttempt:
    return NewAttempt(
        job_id=job.id, number=job.attempt, provider=job.route.provider, model=job.route.model
    )
