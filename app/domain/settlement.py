"""What becomes of one attempt and its job, decided; the store writes it as it stands."""

from dataclasses import dataclass

from app.domain.attempt import AttemptState, Flag
from app.domain.hold import Capture, Hold, HoldState, Kind
from app.domain.job import JobState
from app.domain.pricing import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What an answer used, and the hold it is paid from, where only the locked lots tell how.

    `usage` is None where all of the hold is due; `max_cost_nanos` is the job's own limit.
    """

    hold: Hold
    usage: Usage | None
    instrument: str
    max_cost_nanos: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What becomes of one attempt and its job. `captures` close the hold of a final state.

    `counted` is False for a call that was given back unused; `retry_ms` is when a job that is not
    final runs again. `partial`: what is paid for is a part of an answer. `attempt_cost_nanos` is
    what the provider is thought to charge, whoever pays. Where `due` is given, captures and cost
    are still to be worked out; `caps` are those in whose windows its hold is reserved. `keeps` are
    the lots of the open hold of a job that goes on: it may be found to be unwanted, and gives them
    back.
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
    attempt_cost_nanos: int | None = None
    flag: Flag | None = None
    first_token_ms: int | None = None
    due: Due | None = None
    caps: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()

    @property
    def lot_ids(self) -> set[str]:
        """The lots that writing it changes, or may."""
        return {*self.keeps, *(each.lot_id for each in self.captures if each.lot_id is not None)}

    @property
    def captured_nanos(self) -> int:
        """What its hold pays."""
        return self._paid(Kind.CAPTURE)

    @property
    def overrun_nanos(self) -> int:
        """What further lots pay."""
        return self._paid(Kind.OVERRUN)

    def _paid(self, kind: Kind) -> int:
        return sum(each.captured_nanos for each in self.captures if each.kind is kind)
