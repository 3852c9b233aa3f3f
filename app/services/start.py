"""T2: lease jobs, hold their money, choose their routes, open their attempts: one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain import routing
from app.domain.errors import DeadlinePassed, InsufficientBalance, ModelNotFound
from app.domain.hold import Hold
from app.domain.instrument import Route
from app.domain.job import JobState, Lane, OnEmpty, Reason
from app.domain.lots import Lot, Part, draw, drawing_order, held
from app.domain.pricing import hold_amount
from app.gateway import Gateway
from app.store import claims, money, starts
from app.store.claims import Claimed, History
from app.store.engine import again, transaction
from app.store.starts import NewAttempt, Refusal

BALANCE_POLL_S: Final = 30.0
"""How often a job that waits for its balance looks by itself; a deposit wakes it at once."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Starts:
    """What came of a group: jobs to call for, and jobs that ended right here."""

    started: tuple[Started, ...]
    ended: tuple[str, ...]


_NO_HISTORY: Final = History(hold=None, failed_routes=())


def start(gateway: Gateway, job_ids: Sequence[str], worker_id: str) -> Starts:
    """Start those of `job_ids` that are due and free. Each hold is drawn before its call begins."""
    return again(lambda: _start(gateway, job_ids, worker_id))


def _start(gateway: Gateway, job_ids: Sequence[str], worker_id: str) -> Starts:
    with transaction(gateway.engine) as conn:
        claimed = claims.claim(conn, job_ids, worker_id, gateway.settings.lease_s)
        tried = [job.id for job in claimed if job.attempt > 1]
        histories = claims.histories(conn, tried) if tried else {}
        broke = sorted(
            {job.account_id for job in claimed if histories.get(job.id, _NO_HISTORY).hold is None}
        )
        purse = _Purse(starts.lock_lots(conn, broke) if broke else [])
        started, refusals = _sort(gateway, claimed, histories, purse)
        starts.write(
            conn,
            [job.hold for job in started if histories.get(job.id, _NO_HISTORY).hold is None],
            [_attempt(job) for job in started],
        )
        if refusals:
            starts.refuse(conn, refusals)
            money.release(conn, [r.job_id for r in refusals if r.state is not JobState.WAITING])
    ended = tuple(r.job_id for r in refusals if r.state is not JobState.WAITING)
    return Starts(started=tuple(started), ended=ended)


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
        return _end(job, JobState.EXPIRED, DeadlinePassed.code, DeadlinePassed().message, 504)
    if instrument is None or job.request is None:
        return _end(job, JobState.FAILED, ModelNotFound.code, ModelNotFound().message, 404)
    hold = history.hold
    if hold is None:
        nanos = hold_amount(job.input_tokens_max, job.output_tokens_max, instrument.price)
        parts = purse.draw(job.account_id, job.instrument, nanos)
        if parts is None:
            return _empty(gateway, job)
        hold = Hold(job_id=job.id, account_id=job.account_id, price=instrument.price, parts=parts)
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
    )


def _empty(gateway: Gateway, job: Claimed) -> Refusal:
    if job.on_empty is OnEmpty.FAIL:
        error = InsufficientBalance()
        return _end(job, JobState.FAILED, error.code, error.message, 402)
    jitter = gateway.entropy(1)[0] / 256
    return Refusal(
        job_id=job.id,
        state=JobState.WAITING,
        reason=Reason.BALANCE,
        retry_s=BALANCE_POLL_S * (1 + jitter),
        status_code=None,
        error_code=None,
        error_message=None,
    )


def _end(job: Claimed, state: JobState, code: str, message: str, status: int) -> Refusal:
    return Refusal(
        job_id=job.id,
        state=state,
        reason=None,
        retry_s=0.0,
        status_code=status,
        error_code=code,
        error_message=message,
    )


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

    def draw(self, account_id: str, instrument: str, nanos: int) -> tuple[Part, ...] | None:
        mine = self._lots.get(account_id, [])
        fitting = [lot for lot in mine if lot.instrument in (None, instrument)]
        parts = draw(fitting, nanos)
        taken = {part.lot_id for part in parts or ()}
        if parts and taken:
            self._lots[account_id] = [held(lot, parts) if lot.id in taken else lot for lot in mine]
        return parts
