"""An attempt is one provider call for a job, and what came of it."""

from dataclasses import dataclass
from enum import StrEnum

from app.domain.pricing import Usage


class AttemptState(StrEnum):
    """How an attempt ended; `open` while its call runs."""

    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    LOST = "lost"


class Flag(StrEnum):
    """What is remembered of an answer that was not quite as it should be."""

    MISSING = "missing"
    CLAMPED = "clamped"
    EMPTY = "empty"
    PARTIAL = "partial"
    OUT_OF_SPEC = "out_of_spec"


class FailureKind(StrEnum):
    """What a failed call means, decided by status code or exception type, never by its text."""

    RETRYABLE = "retryable"
    RATE_LIMITED = "rate_limited"
    REJECTED = "rejected"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A provider's good answer. Usage is None when the provider did not report any.

    `first_token_ms` is when the first frame of a stream came, `call_ms` how long the call took.
    `partial`: it was cut short for want of listeners, and is what had come until then.
    """

    status_code: int
    body: bytes
    usage: Usage | None
    flags: tuple[str, ...] = ()
    first_token_ms: int | None = None
    call_ms: int | None = None
    partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A provider call that gave no answer.

    `code` and `param` are the provider's own, where they tell its caller what to mend.

    `begun`: a part of the answer was sent on already, so that no other attempt may follow.
    """

    kind: FailureKind
    symbol: str
    message: str
    status_code: int | None = None
    retry_after_s: float | None = None
    code: str | None = None
    param: str | None = None
    begun: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """A call we ended ourselves, because the worker drains or the job was cancelled."""

    cancelled: bool
    begun: bool = False


Outcome = Answer | Failure | Interrupted
