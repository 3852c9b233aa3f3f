"""What came back, turned into an Answer or a Failure."""

import json
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from app.domain.attempt import Answer, Failure, FailureKind
from app.domain.pricing import Usage
from app.domain.settling.worth import is_empty
from app.providers.base import ERROR_CHARACTERS_MAX, kind_of, retry_after_s


def parsed(raw: bytes) -> dict[str, Any] | None:
    """Return a JSON object, or None for whatever else was sent."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def encoded(
    body: Mapping[str, Any], usage: Usage | None, flags: tuple[str, ...]
) -> Answer | Failure:
    """Return an answer, or the failure it is when its body is not JSON by the strictest reading."""
    try:
        raw = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError):
        return garbage("The provider's answer holds what JSON cannot say.")
    told = (*flags, "empty") if is_empty(body) else flags
    return Answer(status_code=HTTPStatus.OK, body=raw, usage=usage, flags=told)


def garbage(message: str) -> Failure:
    """Return the failure of an answer that cannot be read."""
    return broken("garbage", message)


def broken(symbol: str, message: str) -> Failure:
    """Return the failure of an answer that began well."""
    return Failure(
        kind=FailureKind.RETRYABLE, symbol=symbol, message=message, status_code=HTTPStatus.OK
    )


def refusal(
    status: int, headers: Mapping[str, str], raw: bytes, secret: str | None, *, now: datetime
) -> Failure:
    """Return the failure a status says; the provider's own words only where the caller can act."""
    kind = kind_of(status)
    message = _message(raw, secret) if kind is FailureKind.REJECTED else ""
    return Failure(
        kind=kind,
        symbol=f"status_{status}",
        message=message or f"The provider answered with status {status}.",
        status_code=status,
        retry_after_s=retry_after_s(headers, now),
    )


def _message(raw: bytes, secret: str | None) -> str:
    error = (parsed(raw) or {}).get("error")
    message = error.get("message") if isinstance(error, dict) else error
    if not isinstance(message, str):
        return ""
    if secret:
        message = message.replace(secret, "…")
    return message[:ERROR_CHARACTERS_MAX]
