"""What every handler takes from a request: the caller, the body, the headers it acts on."""

from typing import Final

import falcon

from app.domain.errors import InvalidKey, InvalidRequest, RequestTooLarge
from app.services.accounts import Caller
from app.web.desk import Desk

IDEMPOTENCY_KEY_MAX: Final = 255
WAIT_MAX_S: Final = 60
PAGE_DEFAULT: Final = 20
PAGE_MAX: Final = 100
NUMBER_DIGITS_MAX: Final = 9


def caller(desk: Desk, req: falcon.Request) -> Caller:
    """Return who makes the request. Raises InvalidKey."""
    scheme, _, key = (req.get_header("Authorization") or "").partition(" ")
    if not key:
        raise InvalidKey("No API key: send it as `Authorization: Bearer bb_live_…`.")
    if scheme.lower() != "bearer":
        raise InvalidKey("The Authorization header must be `Bearer` and the API key.")
    return desk.authenticate(key.strip())


def body(desk: Desk, req: falcon.Request) -> bytes:
    """Return the whole body. Raises RequestTooLarge as early as the request tells."""
    limit = desk.gateway.settings.body_bytes_max
    if (req.content_length or 0) > limit:
        raise _too_large(limit)
    stream = req.bounded_stream if req.content_length is not None else req.stream
    raw: bytes = stream.read(limit + 1)
    if len(raw) > limit:
        raise _too_large(limit)
    if len(raw) < (req.content_length or 0):
        raise InvalidRequest("The body stopped short of its Content-Length.")
    return raw


def idempotency_key(req: falcon.Request) -> str | None:
    """Return the Idempotency-Key. Raises InvalidRequest for one that cannot be kept."""
    key = req.get_header("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX or not key.isprintable() or not key.isascii():
        raise InvalidRequest(
            f"Idempotency-Key must have 1 to {IDEMPOTENCY_KEY_MAX} printable ASCII characters.",
            param="Idempotency-Key",
        )
    return key


def is_retry(req: falcon.Request) -> bool:
    """True for a client's automatic retry of a call it gave up on: every vendor SDK counts them."""
    count = req.get_header("x-stainless-retry-count") or ""
    return count.isdecimal() and bool(count.strip("0"))


def wait_s(req: falcon.Request) -> int:
    """Return how long a long poll may wait. Raises InvalidRequest."""
    return _number(req, "wait", least=0, most=WAIT_MAX_S, default=0)


def limit(req: falcon.Request) -> int:
    """Return the wanted page size. Raises InvalidRequest."""
    return _number(req, "limit", least=1, most=PAGE_MAX, default=PAGE_DEFAULT)


def _number(req: falcon.Request, name: str, *, least: int, most: int, default: int) -> int:
    text = req.get_param(name)
    if text is None:
        return default
    plain = text.isdecimal() and text.isascii() and len(text) <= NUMBER_DIGITS_MAX
    if not plain or not least <= int(text) <= most:
        raise InvalidRequest(f"{name}: must be a number from {least} to {most}", param=name)
    return int(text)


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"The body is larger than {limit} bytes.")
