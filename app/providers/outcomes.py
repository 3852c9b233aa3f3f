"""What came back, turned into an Answer or a Failure."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from app.domain.attempt import Answer, Failure, FailureKind
from app.domain.pricing import Usage
from app.domain.settling.worth import is_empty
from app.providers.base import ERROR_CHARACTERS_MAX, kind_of, retry_after_s

PARAM_CHARACTERS_MAX: Final = 128

CODES: Final = frozenset(
    {
        *("context_length_exceeded", "string_above_max_length", "string_below_min_length"),
        *("array_above_max_length", "array_below_min_length", "empty_array", "empty_string"),
        *("integer_above_max_value", "integer_below_min_value"),
        *("decimal_above_max_value", "decimal_below_min_value"),
        *("invalid_type", "invalid_value", "unsupported_value", "unknown_parameter"),
        *("unsupported_parameter", "missing_required_parameter", "invalid_json_schema"),
        *("invalid_function_parameters", "invalid_prompt", "invalid_base64", "invalid_image"),
        *("invalid_image_url", "invalid_image_format", "unsupported_image", "image_too_large"),
        *("image_too_small", "image_parse_error", "unsupported_file", "unsupported_model"),
        *("content_filter", "content_policy_violation"),
    }
)
"""Codes of refusals that are about the request itself: OpenAI's own, which others have taken over.
Codes that speak of our account with a provider are not among them."""


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
    error = _error(raw) if kind is FailureKind.REJECTED else {}
    message = _message(error, secret)
    return Failure(
        kind=kind,
        symbol=f"status_{status}",
        message=message or f"The provider answered with status {status}.",
        status_code=status,
        retry_after_s=retry_after_s(headers, now),
        code=_code(error),
        param=_param(error, secret),
    )


def _error(raw: bytes) -> Mapping[str, Any]:
    error = (parsed(raw) or {}).get("error")
    return error if isinstance(error, dict) else {"message": error}


def _code(error: Mapping[str, Any]) -> str | None:
    """Return the code of a refusal that its caller can act on; no other is passed on."""
    details = error.get("details")
    codes = (error.get("code"), details.get("error_code") if isinstance(details, dict) else None)
    return next((code for code in codes if isinstance(code, str) and code in CODES), None)


def _param(error: Mapping[str, Any], secret: str | None) -> str | None:
    """Return the place in the request that was refused, when that is what stands there."""
    param = error.get("param")
    if not isinstance(param, str) or not _PLACE.fullmatch(param) or (secret and secret in param):
        return None
    return param


def _message(error: Mapping[str, Any], secret: str | None) -> str:
    message = error.get("message")
    if not isinstance(message, str):
        return ""
    if secret:
        message = message.replace(secret, "…")
    return message[:ERROR_CHARACTERS_MAX]


_PLACE: Final = re.compile(rf"[\w.\[\]$-]{{1,{PARAM_CHARACTERS_MAX}}}", re.ASCII)
