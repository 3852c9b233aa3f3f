"""The only table from error to status, and the only place that builds an error body.

The types are the vendors' own: those of the OpenAI error object, and those the Anthropic API
reference lists under "Errors". What clients retry follows from the status unless `x-should-retry`
says otherwise, which every official SDK obeys.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.domain import errors
from app.domain.dialect import Dialect
from app.domain.errors import BusbarError, ProviderRejected

RETRY_SOON_S: Final = 2
RETRY_AFTER_MAX_S: Final = 60
"""Clients ignore a longer Retry-After and hammer, or sleep for hours: past it they are told no."""

CONTEXT_EXCEEDED: Final = "context_length_exceeded"
TOO_LONG: Final = "prompt is too long"
"""OpenAI's code for a prompt that does not fit, and how Anthropic's message of it begins: coding
agents read that, and shorten the conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How an error leaves: status, each vendor's `type`, and whether to send the request again.

    `kind` is OpenAI's type and `messages_kind` Anthropic's. `messages_status` stands where that
    vendor has another status for the same thing. `retry` is what goes into `x-should-retry`; None
    leaves it to the status.
    """

    status: int
    kind: str
    messages_kind: str
    messages_status: int | None = None
    retry: bool | None = None
    retry_after_s: float | None = None

    def status_on(self, dialect: Dialect) -> int:
        """Return the status on a surface."""
        if dialect is Dialect.MESSAGES and self.messages_status is not None:
            return self.messages_status
        return self.status


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An error as it leaves."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]


_INVALID: Final = "invalid_request_error"
_MISSING: Final = Row(status=404, kind=_INVALID, messages_kind="not_found_error")
_OURS: Final = Row(status=500, kind="server_error", messages_kind="api_error")
_PAYMENT: Final = Row(
    status=402, kind="insufficient_quota", messages_kind="billing_error", retry=False
)
_CONFLICT: Final = Row(
    status=409, kind="conflict_error", messages_kind="conflict_error", retry=False
)

TABLE: Final[Mapping[type[BusbarError], Row]] = {
    BusbarError: _OURS,
    errors.InvalidRequest: Row(status=400, kind=_INVALID, messages_kind=_INVALID),
    errors.OutOfRange: Row(status=422, messages_status=400, kind=_INVALID, messages_kind=_INVALID),
    errors.RequestTooLarge: Row(status=413, kind=_INVALID, messages_kind="request_too_large"),
    errors.InvalidKey: Row(
        status=401,
        kind="authentication_error",
        messages_kind="authentication_error",
        retry=False,
    ),
    errors.InsufficientBalance: _PAYMENT,
    errors.RequestExceedsLimit: _PAYMENT,
    errors.CapReached: _PAYMENT,
    errors.BalanceReplenishing: Row(
        status=503,
        kind="server_error",
        messages_kind="overloaded_error",
        retry=True,
        retry_after_s=RETRY_SOON_S,
    ),
    errors.HoldsExhausted: Row(
        status=503,
        kind="server_error",
        messages_kind="overloaded_error",
        retry=True,
        retry_after_s=1,
    ),
    errors.ModelNotFound: _MISSING,
    errors.NotFound: _MISSING,
    errors.PathNotFound: _MISSING,
    errors.MethodNotAllowed: Row(status=405, kind=_INVALID, messages_kind=_INVALID),
    errors.IdempotencyMismatch: Row(status=422, kind=_INVALID, messages_kind=_INVALID),
    errors.RateLimited: Row(
        status=429,
        kind="rate_limit_error",
        messages_kind="rate_limit_error",
        retry=True,
        retry_after_s=RETRY_SOON_S,
    ),
    errors.WaitTimedOut: Row(
        status=504, kind="server_error", messages_kind="timeout_error", retry=True
    ),
    errors.DeadlinePassed: Row(
        status=504, kind="server_error", messages_kind="timeout_error", retry=False
    ),
    errors.JobCancelled: _CONFLICT,
    errors.WorkerLost: Row(status=500, kind="server_error", messages_kind="api_error", retry=False),
    errors.ProviderRejected: Row(status=400, kind=_INVALID, messages_kind=_INVALID, retry=False),
    errors.ProviderUnavailable: Row(
        status=503,
        messages_status=529,
        kind="server_error",
        messages_kind="overloaded_error",
        retry=False,
    ),
    errors.StreamInterrupted: Row(
        status=500, kind="server_error", messages_kind="api_error", retry=False
    ),
    errors.DatabaseUnavailable: Row(
        status=503,
        kind="server_error",
        messages_kind="overloaded_error",
        retry=True,
        retry_after_s=RETRY_SOON_S,
    ),
    errors.CatalogError: _OURS,
    errors.AccountExists: _CONFLICT,
    errors.ReferenceReused: _CONFLICT,
}

_BY_CODE: Final = {error.code: row for error, row in TABLE.items()}

_KINDS_BY_STATUS: Final[Mapping[int, str]] = {413: "request_too_large"}
"""Anthropic's types of a provider's refusal whose status says more than that it is one."""


def reply(
    error: BusbarError, dialect: Dialect = Dialect.CHAT, *, request_id: str | None = None
) -> Reply:
    """Return how an error leaves on a surface: status, headers and envelope."""
    row = TABLE[type(error)]
    return Reply(
        status=row.status_on(dialect),
        headers=headers(row, error.retry_after_s),
        body=envelope(error, dialect, request_id=request_id),
    )


def reply_of_code(
    code: str,
    message: str,
    dialect: Dialect = Dialect.CHAT,
    *,
    param: str | None = None,
    cause: str | None = None,
    status: int | None = None,
    request_id: str | None = None,
    retry_after_s: float | None = None,
) -> Reply:
    """Return how a failure that a job remembers leaves on a surface.

    `cause` and `param` are what a provider called its refusal and the field it refused. `status`
    is the one the job remembers. It counts where it is a provider's own; else the table's does, so
    that a remembered failure leaves as a raised one would.
    """
    row = row_of_code(code)
    is_theirs = status is not None and code == ProviderRejected.code
    return Reply(
        status=status if status is not None and is_theirs else row.status_on(dialect),
        headers=headers(row, retry_after_s),
        body=envelope_of_code(
            code,
            message,
            dialect,
            param=param,
            cause=cause,
            status=status,
            request_id=request_id,
        ),
    )


def row_of_code(code: str) -> Row:
    """Return how a failure that a job remembers leaves."""
    return _BY_CODE.get(code, _OURS)


def envelope(
    error: BusbarError, dialect: Dialect = Dialect.CHAT, *, request_id: str | None = None
) -> dict[str, Any]:
    """Return the body of an error, with every fault found."""
    body = envelope_of_code(
        error.code, error.message, dialect, param=error.param, request_id=request_id
    )
    if error.faults:
        inside = body["error"]["details"] if dialect is Dialect.MESSAGES else body["error"]
        inside["faults"] = [
            {"index": fault.index, "where": fault.where, "what": fault.what}
            for fault in error.faults
        ]
    return body


def envelope_of_code(
    code: str,
    message: str,
    dialect: Dialect = Dialect.CHAT,
    *,
    param: str | None = None,
    cause: str | None = None,
    status: int | None = None,
    request_id: str | None = None,
) -> dict[str, Any]:
    """Return the body of a failure that a job remembers; also what ends a broken stream.

    `cause`, a provider's own code, stands where clients look for a code that they know. On chat
    `errors.detail` beside the vendor's object is what the seed contract's own clients read. On
    messages the cause has its own code in `error.details`, where that vendor's SDKs look.
    """
    row = row_of_code(code)
    if dialect is Dialect.MESSAGES:
        kind = row.messages_kind
        if code == ProviderRejected.code and status is not None:
            kind = _KINDS_BY_STATUS.get(status, kind)
        details: dict[str, Any] = {"error_code": cause or code}
        if param is not None and code == ProviderRejected.code:
            details["param"] = param
        if cause == CONTEXT_EXCEEDED:
            message = f"{TOO_LONG}: {message}"
        error = {"type": kind, "message": message, "details": details}
        told: dict[str, Any] = {"type": "error", "error": error}
        return told | ({"request_id": request_id} if request_id is not None else {})
    return {
        "error": {"message": message, "type": row.kind, "param": param, "code": cause or code},
        "errors": {"detail": message, "code": code},
    }


def headers(row: Row, retry_after_s: float | None = None) -> dict[str, str]:
    """Return the headers that tell a client whether and when to try again.

    `retry_after_s` is what this very error knows, before what its row says of all its kind.
    """
    wait_s = row.retry_after_s if retry_after_s is None else retry_after_s
    retry = False if wait_s is not None and wait_s > RETRY_AFTER_MAX_S else row.retry
    told = {}
    if retry is not None:
        told["x-should-retry"] = "true" if retry else "false"
    if wait_s is not None and retry is not False:
        told["Retry-After"] = str(max(1, math.ceil(wait_s)))
        told["retry-after-ms"] = str(max(1, math.ceil(wait_s * 1_000)))
    return told
