"""T2: lease jobs, hold their money, choose their routes, open their attempts: one transaction."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain import routing
from app.domain.errors import BusbarError, DeadlinePassed, InsufficientBalance, NotFound
from app.domain.hold import Hold
from app.domain.instrument import Route
from app.domain.job import JobState, Lane, OnEmpty, Reason
from app.domain.lots import Lot, Part, draw, drawing_order, held
from app.domain.money import format_dollars
from app.domain.pricing import hold_amount
from app.gateway import Gateway
from app.store import money
from app.store.engine import again, transaction
from app.store.starting import claims, histories, starts
from app.store.starting.claims import Claimed, Left
from app.store.starting.histories import History
from app.store.starting.starts import NewAttempt, Refusal

BALANCE_LOOK_S: Final = 3_600.0
"""How often a job that waits for its balance looks by itself. The keeper wakes it long before, as
soon as its account can pay; this is for a price that fell."""

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
    came = again(lambda: _start(gateway, job_ids, worker_id))
    for lane in Lane:
        gateway.broker.nudge(lane, [job.id for job in came.left if job.lane is lane])
    return came


def _start(gateway: Gateway, job_ids: Sequence[str], worker_id: str) -> Starts:
    free = _free_instruments(gateway) if len(job_ids) > 1 else ()
    with transaction(gateway.engine) as conn:
        claimed, left = claims.claim(conn, job_ids, worker_id, gateway.settings.lease_s, free=free)
        tried = [job.id for job in claimed if job.attempt > 1]
        past = histories.of(conn, tried) if tried else {}
        broke = sorted({j.account_id for j in claimed if past.get(j.id, _NO_HISTORY).hold is None})
        purse = _Purse(starts.lock_lots(conn, broke) if broke else [])
        started, refusals = _sort(gateway, claimed, past, purse)
        starts.write(
            conn,
            [job.hold for job in started if past.get(job.id, _NO_HISTORY).hold is None],
            [_attempt(job) for job in started],
        )
        if refusals:
            starts.refuse(conn, refusals)
            money.release(conn, [r.job_id for r in refusals if r.state is not JobState.WAITING])
    _tell_unknown(claimed, refusals)
    ended = tuple(r.job_id for r in refusals if r.state is not JobState.WAITING)
    return Starts(started=tuple(started), ended=ended, left=tuple(left))


def _tell_unknown(claimed: Sequence[Claimed], refusals: Sequence[Refusal]) -> None:
    put_back = {r.job_id for r in refusals if r.reason is Reason.CAPACITY}
    if put_back:
        names = sorted({job.instrument for job in claimed if job.id in put_back})
        log.warning("start.unknown_instruments jobs=%d names=%s", len(put_back), ",".join(names))


def _free_instruments(gateway: Gateway) -> list[str]:
    instruments = gateway.catalog.instruments.values()
    return [it.name for it in instruments if not it.price.input_nanos | it.price.output_nanos]


def _sort(
    gateway: Gateway,
    claimed: Sequence[Claimed],
    histories: Mapping[str, History],
    purse: "_Purse",
) -> tuple[list[Started], list[Refusal]]:
    started, refusals = [], []
    for job in claimed:
        history = histories.get(job.id, _NO_HISTORY)
        outcome = _try(gateway, job, history, purse)
        if isinstance(outcome, Refusal):
            refusals.append(outcome)
        else:
            started.append(outcome)
    return started, refusals


def _try(gateway: Gateway, job: Claimed, history: History, purse: "_Purse") -> Started | Refusal:
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
        nanos = hold_amount(job.input_tokens_max, job.output_tokens_max, instrument.price)
        parts = purse.draw(job.account_id, job.instrument, nanos) if job.is_read else None
        if parts is None:
            return _empty(gateway, job, nanos, purse)
        hold = Hold(job_id=job.id, account_id=job.account_id, price=instrument.price, parts=parts)
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


def _empty(gateway: Gateway, job: Claimed, nanos: int, purse: "_Purse") -> Refusal:
    if job.on_empty is OnEmpty.FAIL:
        # A body that was not read: nothing could be drawn when the job was claimed.
        has = purse.available_nanos(job.account_id, job.instrument) if job.is_read else 0
        return _end(job, JobState.FAILED, InsufficientBalance(_lack(nanos, has)), 402)
    return Refusal(
        job_id=job.id,
        state=JobState.WAITING,
        reason=Reason.BALANCE,
        retry_s=BALANCE_LOOK_S * (1 + _jitter(gateway)),
        needed_nanos=nanos,
    )


def _lack(needed_nanos: int, available_nanos: int) -> str:
    needed, available = format_dollars(needed_nanos), format_dollars(available_nanos)
    return (
        f"This job may cost up to ${needed}, and the balance has ${available} available for it;"
        " deposit funds, then send it again."
    )


def _put_back(gateway: Gateway, job: Claimed) -> Refusal:
    """Leave a job to workers that know its instrument; its deadline ends it if there are none."""
    delay_s = min(UNKNOWN_MAX_S, UNKNOWN_FIRST_S * float(1 << min(job.attempt - 1, 16)))
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


def _jitter(gateway: Gateway) -> float:
    return gateway.entropy(1)[0] / 256


def _attempt(job: Started) -> NewAttempt:
    return NewAttempt(
        job_id=job.id, number=job.attempt, provider=job.route.provider, model=job.route.model
    )


class _Purse:
    """The locked lots of a group's accounts, with what its earlier jobs took already held."""

    def __init__(self, lots: Sequence[Lot]) -> None:
        self._lots: dict[str, list[Lot]] = {}
        for lot in sorted(lots, key=drawing_order):
            self._lots.setdefault(lot.account_id, []).append(lot)
        self._refused: dict[tuple[str, str], int] = {}

    def draw(self, account_id: str, instrument: str, nanos: int) -> tuple[Part, ...] | None:
        refused = self._refused.get((account_id, instrument))
        if refused is not None and nanos >= refused:
            return None  # A group only takes from a purse, so what was too much is too much still.
        parts = draw(self._fitting(account_id, instrument), nanos)
        if parts is None:
            self._refused[account_id, instrument] = nanos
        taken = {part.lot_id for part in parts or ()}
        if parts and taken:
            self._lots[account_id] = [
                held(lot, parts) if lot.id in taken else lot for lot in self._lots[account_id]
            ]
        return parts

    def available_nanos(self, account_id: str, instrument: str) -> int:
        """What is left for a job of that instrument."""
        return sum(lot.available_nanos for lot in self._fitting(account_id, instrument))

    def _fitting(self, account_id: str, instrument: str) -> list[Lot]:
        mine = self._lots.get(account_id, ())
        return [lot for lot in mine if lot.instrument in (None, instrument)]
