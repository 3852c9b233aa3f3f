"""The only table from error to status, and the only place that builds an error body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.domain import errors
from app.domain.errors import BusbarError

RETRY_SOON_S: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """How an error leaves: status, the vendor's `type`, and whether to send the request again.

    `retry` is what goes into `x-should-retry`, which every SDK obeys; None leaves it to the status.
    """

    status: int
    kind: str
    retry: bool | None = None
    retry_after_s: int | None = None


TABLE: Final[Mapping[type[BusbarError], Row]] = {
    BusbarError: Row(status=500, kind="server_error"),
    errors.InvalidRequest: Row(status=400, kind="invalid_request_error"),
    errors.OutOfRange: Row(status=422, kind="invalid_request_error"),
    errors.RequestTooLarge: Row(status=413, kind="invalid_request_error"),
    errors.InvalidKey: Row(status=401, kind="authentication_error"),
    errors.InsufficientBalance: Row(status=402, kind="insufficient_quota", retry=False),
    errors.ModelNotFound: Row(status=404, kind="invalid_request_error"),
    errors.NotFound: Row(status=404, kind="invalid_request_error"),
    errors.PathNotFound: Row(status=404, kind="invalid_request_error"),
    errors.MethodNotAllowed: Row(status=405, kind="invalid_request_error"),
    errors.IdempotencyMismatch: Row(status=422, kind="invalid_request_error"),
    errors.WaitTimedOut: Row(status=504, kind="server_error", retry=True),
    errors.DeadlinePassed: Row(status=504, kind="server_error", retry=False),
    errors.JobCancelled: Row(status=409, kind="conflict_error", retry=False),
    errors.WorkerLost: Row(status=500, kind="server_error", retry=False),
    errors.ProviderRejected: Row(status=400, kind="invalid_request_error", retry=False),
    errors.ProviderUnavailable: Row(status=503, kind="server_error", retry=False),
    errors.DatabaseUnavailable: Row(
        status=503, kind="server_error", retry=True, retry_after_s=RETRY_SOON_S
    ),
    errors.CatalogError: Row(status=500, kind="server_error"),
    errors.AccountExists: Row(status=409, kind="conflict_error", retry=False),
    errors.ReferenceReused: Row(status=409, kind="conflict_error", retry=False),
}

_BY_CODE: Final = {error.code: row for error, row in TABLE.items()}


def row_of(error: BusbarError) -> Row:
    """Return how this error leaves."""
    return TABLE[type(error)]


def row_of_code(code: str) -> Row:
    """Return how a failure that a job remembers leaves."""
    return _BY_CODE.get(code, TABLE[BusbarError])


def envelope(error: BusbarError) -> dict[str, Any]:
    """Return the body of an error, for the OpenAI surface and the native one."""
    body = envelope_of_code(error.code, error.message, param=error.param)
    if error.faults:
        body["error"]["faults"] = [
            {"index": fault.index, "where": fault.where, "what": fault.what}
            for fault in error.faults
        ]
    return body


def envelope_of_code(code: str, message: str, *, param: str | None = None) -> dict[str, Any]:
    """Return the body of a failure that a job remembers.

    `errors.detail` beside the vendor's envelope is what the seed contract's own clients read.
    """
    kind = row_of_code(code).kind
    return {
        "error": {"message": message, "type": kind, "param": param, "code": code},
        "errors": {"detail": message, "code": code},
    }


def headers(row: Row) -> dict[str, str]:
    """Return the headers that tell a client whether and when to try again."""
    told = {}
    if row.retry is not None:
        told["x-should-retry"] = "true" if row.retry else "false"
    if row.retry_after_s is not None:
        told["Retry-After"] = str(row.retry_after_s)
        told["retry-after-ms"] = str(row.retry_after_s * 1_000)
    return told
