"""What becomes of one attempt and its job, decided; the store writes it as it stands."""

from dataclasses import dataclass

from app.domain.attempt import AttemptState
from app.domain.hold import Capture, HoldState
from app.domain.job import JobState
from app.domain.pricing import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What becomes of one attempt and its job. `captures` close the hold of a final state.

    `counted` is False for a call that was given back unused; `retry_ms` is when a job that is not
    final runs again. `partial`: what is paid for is a part of an answer.
    """

    job_id: str
    attempt: int
    state: JobState
    attempt_state: AttemptState
    reason: str | None = None
    failure: str | None = None
    attempt_status_code: int | None = None
    counted: bool = True
    retry_ms: float = 0
    status_code: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    usage: Usage | None = None
    cost_nanos: int | None = None
    partial: bool = False
    hold_state: HoldState = HoldState.OPEN
    captures: tuple[Capture, ...] = ()
    transfer_ids: tuple[str, ...] = ()
    result: bytes | None = None
