"""Every row of the error table, met by both SDKs: class, status, code, type, id and attempts."""

from dataclasses import dataclass
from typing import Any, Final

import anthropic
import openai
import pytest

from app.domain import errors
from app.domain.dialect import Dialect
from app.domain.errors import BusbarError
from app.wire.errors import TABLE
from tests.conformance.house import ATTEMPTS_MAX, PROTOCOLS

from .scene import Scene
from .sdk import RETRIES, code_of
from .ways import OF_COMMANDS, WAYS, upstream

ONCE: Final = 1
AGAIN: Final = 1 + RETRIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the users of the SDKs see of an error: (exception, status, type) with either."""

    chat: tuple[type[Exception], int, str]
    messages: tuple[type[Exception], int, str]
    sent: int = ONCE


def _told(chat: Any, messages: Any, sent: int = ONCE) -> Told:
    return Told(chat=chat, messages=messages, sent=sent)


INVALID: Final = "invalid_request_error"
_OURS: Final = (
    (openai.InternalServerError, 500, "server_error"),
    (anthropic.InternalServerError, 500, "api_error"),
)
_UNAVAILABLE: Final = (
    (openai.InternalServerError, 503, "server_error"),
    (anthropic.ServiceUnavailableError, 503, "overloaded_error"),
)
_LATE: Final = (
    (openai.InternalServerError, 504, "server_error"),
    (anthropic.GatewayTimeoutError, 504, "timeout_error"),
)
_MISSING: Final = (
    (openai.NotFoundError, 404, INVALID),
    (anthropic.NotFoundError, 404, "not_found_error"),
)
_MALFORMED: Final = (
    (openai.BadRequestError, 400, INVALID),
    (anthropic.BadRequestError, 400, INVALID),
)

TOLD: Final = {
    BusbarError: _told(*_OURS, AGAIN),
    errors.InvalidRequest: _told(*_MALFORMED),
    errors.OutOfRange: _told((openai.UnprocessableEntityError, 422, INVALID), _MALFORMED[1]),
    errors.RequestTooLarge: _told(
        (openai.APIStatusError, 413, INVALID),
        (anthropic.ContentTooLargeError, 413, "request_too_large"),
    ),
    errors.InvalidKey: _told(
        (openai.AuthenticationError, 401, "authentication_error"),
        (anthropic.AuthenticationError, 401, "authentication_error"),
    ),
    errors.InsufficientBalance: _told(
        (openai.APIStatusError, 402, "insufficient_quota"),
        (anthropic.PaymentRequiredError, 402, "billing_error"),
    ),
    errors.RequestExceedsLimit: _told(
        (openai.APIStatusError, 402, "insufficient_quota"),
        (anthropic.PaymentRequiredError, 402, "billing_error"),
    ),
    errors.CapReached: _told(
        (openai.APIStatusError, 402, "insufficient_quota"),
        (anthropic.PaymentRequiredError, 402, "billing_error"),
    ),
    errors.BalanceReplenishing: _told(*_UNAVAILABLE, AGAIN),
    errors.HoldsExhausted: _told(*_UNAVAILABLE, AGAIN),
    errors.ModelNotFound: _told(*_MISSING),
    errors.NotFound: _told(*_MISSING),
    errors.PathNotFound: _told(*_MISSING),
    errors.MethodNotAllowed: _told(
        (openai.APIStatusError, 405, INVALID), (anthropic.APIStatusError, 405, INVALID)
    ),
    errors.IdempotencyMismatch: _told(
        (openai.UnprocessableEntityError, 422, INVALID),
        (anthropic.UnprocessableEntityError, 422, INVALID),
    ),
    errors.RateLimited: _told(
        (openai.RateLimitError, 429, "rate_limit_error"),
        (anthropic.RateLimitError, 429, "rate_limit_error"),
        AGAIN,
    ),
    errors.WaitTimedOut: _told(*_LATE, AGAIN),
    errors.DeadlinePassed: _told(*_LATE),
    errors.JobCancelled: _told(
        (openai.ConflictError, 409, "conflict_error"),
        (anthropic.ConflictError, 409, "conflict_error"),
    ),
    errors.WorkerLost: _told(*_OURS),
    errors.ProviderRejected: _told(*_MALFORMED),
    errors.ProviderUnavailable: _told(
        (openai.InternalServerError, 503, "server_error"),
        (anthropic.OverloadedError, 529, "overloaded_error"),
    ),
    errors.StreamInterrupted: _told(*_OURS),
    errors.DatabaseUnavailable: _told(*_UNAVAILABLE, AGAIN),
}

UPSTREAM: Final = (
    errors.DeadlinePassed,
    errors.JobCancelled,
    errors.ProviderRejected,
    errors.ProviderUnavailable,
    errors.StreamInterrupted,
)
"""Errors that an upstream has a part in: met in front of either protocol."""

CASES: Final = [
    pytest.param(error, protocol, id=f"{error.code}-{protocol}")
    for error in TOLD
    for protocol in (PROTOCOLS if error in UPSTREAM else PROTOCOLS[:1])
]


def test_no_row_is_left_out() -> None:
    """Every error that a request can meet is met here: a new row needs a way and what is told."""
    assert set(WAYS) == set(TOLD) == set(TABLE) - OF_COMMANDS


@pytest.mark.parametrize(("error", "protocol"), CASES)
def test_a_row_as_its_sdk_shows_it(error: type[BusbarError], scene: Scene) -> None:
    """The exception, its status, type, code and request id, and how often the SDK has asked."""
    raised, sent = meet(scene, error)
    exception, status, kind = getattr(TOLD[error], scene.dialect)
    assert type(raised) is exception
    assert (raised.status_code, raised.type) == (status, kind)
    assert code_of(raised) == error.code
    assert raised.request_id.startswith("req_")
    assert raised.response.headers["x-request-id"] == raised.response.headers["request-id"]
    assert sent == TOLD[error].sent


def meet(scene: Scene, error: type[BusbarError]) -> tuple[Any, int]:
    """Return what the SDK raises, and how many requests it had sent by then."""
    with WAYS[error](scene) as ask:
        sdk = scene.opened[-1]
        with pytest.raises(Exception, match=r".") as caught:
            ask()
        return caught.value, sdk.sent


@pytest.mark.parametrize("status", [429, 502, 529])
def test_an_upstream_that_is_never_there(scene: Scene, status: int) -> None:
    """However it is away, it was asked as often as a job may ask, and the SDK asked once."""
    with upstream(status)(scene) as ask, pytest.raises(Exception, match=str(status)) as caught:
        ask()
    assert caught.value.status_code == (503 if scene.dialect is Dialect.CHAT else 529)  # type: ignore[attr-defined]
    assert scene.opened[-1].sent == ONCE
    assert scene.house.simulator.calls()["total"] == ATTEMPTS_MAX


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_the_upstream_refuses(scene: Scene, status: int) -> None:
    """A refusal keeps its status and its words, and is asked for once on either side."""
    with upstream(status)(scene) as ask, pytest.raises(Exception, match="Simulated") as caught:
        ask()
    assert caught.value.status_code == status  # type: ignore[attr-defined]
    assert code_of(caught.value) == "provider_rejected"
    assert scene.opened[-1].sent == scene.house.simulator.calls()["total"] == ONCE
