"""What becomes of a claimed job that cannot start: it waits for what it lacks, or it ends."""

from dataclasses import replace
from typing import Final

from app.domain.errors import BusbarError, InsufficientBalance
from app.domain.job import JobState, Lane, OnEmpty, Reason
from app.domain.money import format_dollars
from app.domain.replenishing.outlook import holds_s
from app.gateway import Gateway
from app.services.replenish.outlook import Outlooks
from app.services.starting.purse import Full, Short
from app.store.starting.claims import Claimed
from app.store.starting.starts import Refusal

BALANCE_LOOK_S: Final = 3_600.0
"""How often a job that waits for its balance looks by itself. The keeper wakes it long before, as
soon as its account can pay; this is for a price that fell."""

CAP_FIRST_S: Final = 2.0
CAP_HELD_MAX_S: Final = 300.0
CAP_LOOK_S: Final = 3_600.0
"""How long a job waits whose cap is reached: doubled each time while jobs under way hold what it
lacks, which may come back; else until the cap resets, but no longer than it may take until one
notices that it was raised."""

UNKNOWN_FIRST_S: Final = 2.0
UNKNOWN_MAX_S: Final = 300.0
"""How long a job waits whose instrument this worker does not know: doubled each time, with jitter.
While a catalog is rolled out another worker may know it; when it is gone for good, few look."""


def refuse(
    gateway: Gateway, job: Claimed, why: Short | Full | BusbarError, outlooks: Outlooks
) -> Refusal:
    """Say what becomes of a job that nothing can be held for: it waits, or it ends."""
    if isinstance(why, BusbarError):
        return end(job, JobState.FAILED, why, 402)
    if isinstance(why, Full):
        return _capped(gateway, job, why)
    if job.on_empty is OnEmpty.FAIL:
        told = outlooks.tell(
            job.account_id,
            job.instrument,
            bound=why.bound,
            price=why.price,
            available_nanos=why.available_nanos,
        )
        ended = end(job, JobState.FAILED, told.error, told.status_code)
        return replace(ended, retry_s=told.retry_after_s)
    return _wait(gateway, job, why, outlooks)


def put_off(job: Claimed) -> Refusal:
    """Leave a job past its deadline that has a hold to the sweep, which ends it and gives it back.

    Its lots would be locked here after those of the group's new holds, out of their order.
    """
    return Refusal(job_id=job.id, state=JobState.WAITING, reason=Reason.CAPACITY)


def _wait(gateway: Gateway, job: Claimed, why: Short, outlooks: Outlooks) -> Refusal:
    """Let a job wait for its balance: a single one as long as it has patience left."""
    look_s = BALANCE_LOOK_S * (1 + _jitter(gateway))
    if job.lane is Lane.INTERACTIVE:
        left_s = gateway.settings.balance_wait_s - job.short_s
        if left_s <= 0:
            lack = InsufficientBalance(_lack(why.needed_nanos, why.available_nanos))
            return end(job, JobState.FAILED, lack, 402)
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
        ended = end(job, JobState.FAILED, why.error, 503 if why.will_free else 402)
        return replace(ended, retry_s=holds_s(_jitter(gateway)) if why.will_free else 0.0)
    assert why.window.resets_in_s is not None
    delay_s = min(max(why.window.resets_in_s, CAP_FIRST_S), CAP_LOOK_S)
    if why.will_free:
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


def put_back(gateway: Gateway, job: Claimed) -> Refusal:
    """Leave a job to workers that know its instrument; its deadline ends it if there are none."""
    delay_s = _doubled(UNKNOWN_FIRST_S, UNKNOWN_MAX_S, job.attempt)
    return Refusal(
        job_id=job.id,
        state=JobState.WAITING,
        reason=Reason.CAPACITY,
        retry_s=delay_s * (1 + _jitter(gateway)),
    )


def end(job: Claimed, state: JobState, error: BusbarError, status: int) -> Refusal:
    """End a job with an error before any call for it."""
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
