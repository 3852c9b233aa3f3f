"""What every handler takes from a request: the caller, the body, the headers it acts on."""

import re
from typing import Final

import falcon

from app.domain.dialect import Dialect
from app.domain.errors import InvalidKey, InvalidRequest, RequestTooLarge
from app.services.accounts import Caller
from app.services.streaming.replay import BEGINNING, Place
from app.web.desk import Desk
from app.wire import dialects
from app.wire.anthropic import headers

IDEMPOTENCY_KEY_MAX: Final = 255
WAIT_MAX_S: Final = 60
PAGE_DEFAULT: Final = 20
PAGE_MAX: Final = 100
NUMBER_DIGITS_MAX: Final = 9
_SECONDS: Final = re.compile(r"\d{1,9}(\.\d{1,9})?")
_PLACE: Final = re.compile(r"[0-9]{1,9}(-[0-9a-f]{8})?")
ANSWER_S: Final = 1
"""How long before its client gives up a waiting call is answered with the job's id."""


def caller(desk: Desk, req: falcon.Request) -> Caller:
    """Return who makes the request, in a version of its API that is served here.

    Raises InvalidKey, or InvalidRequest for another version.
    """
    found = desk.authenticate(_key(req))
    if dialect(req) is Dialect.MESSAGES:
        dialects.check_version(req.get_header(dialects.VERSION_HEADER))
    return found


def dialect(req: falcon.Request) -> Dialect:
    """Return the dialect in which the request is answered."""
    return dialects.dialect_of(req.path, req.get_header(dialects.VERSION_HEADER))


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


def api_headers(req: falcon.Request) -> str | None:
    """Return what a client of the Messages API says in headers, for a provider that speaks it."""
    if dialect(req) is not Dialect.MESSAGES:
        return None
    version = req.get_header(dialects.VERSION_HEADER)
    return headers.carried(version, req.get_header("anthropic-beta"))


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


def patience_s(desk: Desk, req: falcon.Request) -> float:
    """Return how long a synchronous call may wait: no longer than its client will listen."""
    longest = desk.gateway.settings.sync_wait_s
    told = req.get_header("x-stainless-read-timeout") or req.get_header("x-stainless-timeout") or ""
    if _SECONDS.fullmatch(told) is None:
        return longest
    return min(longest, max(1.0, float(told) - ANSWER_S))


def starting_after(req: falcon.Request) -> Place:
    """Return where the last frame is that a client knows. Raises InvalidRequest."""
    value = req.get_param("starting_after")
    if value is None:
        return BEGINNING
    if _PLACE.fullmatch(value) is None:
        raise InvalidRequest(
            "starting_after: must be the id of a frame, or the number of frames that are known",
            param="starting_after",
        )
    number, _, cut = value.partition("-")
    return Place(int(number), cut or None)


def wait_s(req: falcon.Request) -> int:
    """Return how long a long poll may wait. Raises InvalidRequest."""
    return _number(req, "wait", least=0, most=WAIT_MAX_S, default=0)


def limit(req: falcon.Request, *, most: int = PAGE_MAX) -> int:
    """Return the wanted page size. Raises InvalidRequest."""
    return _number(req, "limit", least=1, most=most, default=PAGE_DEFAULT)


def text(req: falcon.Request, name: str) -> str | None:
    """Return a parameter as it is. Raises InvalidRequest for what no stored text can hold."""
    value: str | None = req.get_param(name)
    if value is not None and "\0" in value:
        raise InvalidRequest(f"{name}: holds a character that cannot be", param=name)
    return value


def _key(req: falcon.Request) -> str:
    """Return the API key: clients of either vendor send it in either header. Raises InvalidKey."""
    scheme, _, rest = (req.get_header("Authorization") or "").partition(" ")
    bearer, plain = rest.strip(), (req.get_header("x-api-key") or "").strip()
    if not bearer and not plain:
        raise InvalidKey(
            "No API key: send it as `Authorization: Bearer bb_live_…` or as `x-api-key: bb_live_…`."
        )
    if bearer and scheme.lower() != "bearer":
        raise InvalidKey("The Authorization header must be `Bearer` and the API key.")
    if bearer and plain and bearer != plain:
        raise InvalidKey(
            "Authorization and x-api-key hold different keys; send one of them, or the same twice."
        )
    return bearer or plain


def _number(req: falcon.Request, name: str, *, least: int, most: int, default: int) -> int:
    value = req.get_param(name)
    if value is None:
        return default
    plain = value.isdecimal() and value.isascii() and len(value) <= NUMBER_DIGITS_MAX
    if not plain or not least <= int(value) <= most:
        raise InvalidRequest(f"{name}: must be a number from {least} to {most}", param=name)
    return int(value)


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"The body is larger than {limit} bytes.")
