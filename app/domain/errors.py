"""Every error we mean to raise: a class, a code and a sentence.

The docstring is the message of an error raised bare. HTTP is not known here: `app.wire.errors`
holds the only table from class to status and envelope.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with an input: where it is, and what is wrong in one sentence."""

    where: str
    what: str
    index: int | None = None


class BusbarError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str | None = None,
        *,
        param: str | None = None,
        faults: tuple[Fault, ...] = (),
        retry_after_s: float | None = None,
    ) -> None:
        self.message = message or (type(self).__doc__ or "").partition("\n")[0]
        self.param = param
        self.faults = faults
        self.retry_after_s = retry_after_s
        super().__init__(self.message)


class InvalidRequest(BusbarError):
    """The request is malformed."""

    code = "invalid_request"


class OutOfRange(BusbarError):
    """The request is well formed, but a value is out of range."""

    code = "invalid_value"


class RequestTooLarge(BusbarError):
    """The request body is larger than this gateway accepts."""

    code = "request_too_large"


class InvalidKey(BusbarError):
    """The API key is missing, malformed, unknown or revoked."""

    code = "invalid_api_key"


class ModelNotFound(BusbarError):
    """No such instrument."""

    code = "model_not_found"


class NotFound(BusbarError):
    """No such object."""

    code = "not_found"


class PathNotFound(BusbarError):
    """No such path."""

    code = "path_not_found"


class MethodNotAllowed(BusbarError):
    """This path does not take that method."""

    code = "method_not_allowed"


class IdempotencyMismatch(BusbarError):
    """This Idempotency-Key was used with another request; use a new key for a new request."""

    code = "idempotency_key_reused"


class InsufficientBalance(BusbarError):
    """The balance cannot cover what this job may cost; deposit funds, then send it again."""

    code = "insufficient_balance"


class RequestExceedsLimit(BusbarError):
    """The request may cost more than it, its key or its account may ever spend at once."""

    code = "request_exceeds_limit"


class CapReached(BusbarError):
    """A cap on spending is reached; raise it, or send the request again when it resets."""

    code = "cap_reached"


class BalanceReplenishing(BusbarError):
    """The balance is being replenished; send the request again in a moment."""

    code = "balance_replenishing"


class HoldsExhausted(BusbarError):
    """Other calls hold what this job needs until they end; send it again in a moment."""

    code = "holds_exhausted"


class RateLimited(BusbarError):
    """Too many requests, tokens or concurrent calls for this API key; try again a little later."""

    code = "rate_limit_exceeded"


class WaitTimedOut(BusbarError):
    """The job is still running; ask for it by its id, or send the request again to wait on."""

    code = "timeout"


class DeadlinePassed(BusbarError):
    """The job's deadline passed before an answer was ready."""

    code = "deadline_passed"


class JobCancelled(BusbarError):
    """The job was cancelled."""

    code = "job_cancelled"


class WorkerLost(BusbarError):
    """Three workers died while they carried this job; it is not tried again."""

    code = "worker_lost"


class ProviderRejected(BusbarError):
    """The provider refused the request."""

    code = "provider_rejected"


class ProviderUnavailable(BusbarError):
    """No provider could answer this job after all attempts."""

    code = "provider_unavailable"


class StreamInterrupted(BusbarError):
    """The answer broke off after a part of it was sent; it is not gone on with, and costs nothing.

    What was sent stays as it is: a second try of the provider would begin another answer.
    """

    code = "stream_interrupted"


class DatabaseUnavailable(BusbarError):
    """The database cannot be reached; send the request again, with its Idempotency-Key if any."""

    code = "database_unavailable"


class CatalogError(BusbarError):
    """The catalog cannot be used."""

    code = "catalog_invalid"


class AccountExists(BusbarError):
    """An account of that name exists already."""

    code = "account_exists"


class ReferenceReused(BusbarError):
    """This reference was used for another amount."""

    code = "reference_reused"
