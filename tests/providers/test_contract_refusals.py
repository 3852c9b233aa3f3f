"""What every adapter makes of an upstream that answers with an error."""

import json
from typing import Any

import pytest

from app.domain.attempt import FailureKind
from app.providers.base import ERROR_CHARACTERS_MAX
from tests.simulator.running import Simulator

from .calling import KEY, Asking
from .peer import Peer, peer_of

STATUSES = {
    400: FailureKind.REJECTED,
    401: FailureKind.MISCONFIGURED,
    402: FailureKind.MISCONFIGURED,
    403: FailureKind.MISCONFIGURED,
    404: FailureKind.MISCONFIGURED,
    405: FailureKind.MISCONFIGURED,
    408: FailureKind.RETRYABLE,
    409: FailureKind.RETRYABLE,
    413: FailureKind.REJECTED,
    422: FailureKind.REJECTED,
    429: FailureKind.RATE_LIMITED,
    500: FailureKind.RETRYABLE,
    502: FailureKind.RETRYABLE,
    503: FailureKind.RETRYABLE,
    504: FailureKind.RETRYABLE,
    529: FailureKind.RETRYABLE,
}
IN_HALF_A_MINUTE = "Wed, 21 Oct 2026 07:28:00 GMT"
A_WEEK_AGO = "Wed, 14 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(("status", "kind"), STATUSES.items())
def test_a_status_decides_the_kind(
    adapter: Asking, simulator: Simulator, upstream: str, status: int, kind: FailureKind
) -> None:
    """A failed call is classified by its status, and remembers it."""
    simulator.set({"fault": "status", "status": status})
    failure = adapter.failed(upstream)
    assert failure.kind is kind
    assert (failure.symbol, failure.status_code) == (f"status_{status}", status)
    assert failure.retry_after_s is None
    assert failure.message


@pytest.mark.parametrize("status", [201, 202, 204, 206])
def test_a_success_without_an_answer_is_not_the_callers_fault(
    adapter: Asking, peer: Peer, status: int
) -> None:
    """A status that promises success and brings no completion is the upstream's fault."""
    peer.answers(b"" if status == 204 else adapter.dialect.answer(), status=status)
    assert adapter.failed(peer.url).kind in (FailureKind.RETRYABLE, FailureKind.MISCONFIGURED)


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_is_kept(
    adapter: Asking, simulator: Simulator, upstream: str, status: int
) -> None:
    """The seconds an upstream asks for come with the failure."""
    simulator.set({"fault": "status", "status": status, "retry_after_s": 7})
    assert adapter.failed(upstream).retry_after_s == 7


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "0"}, 0),
        ({"Retry_After": "1.5"}, 1.5),
        ({"retry_after_ms": "250"}, 0.25),
        ({"Retry_After": "9", "retry_after_ms": "250"}, 0.25),
        ({"Retry_After": "9", "retry_after_ms": "soon"}, 9),
        ({"Retry_After": IN_HALF_A_MINUTE}, 30),
        ({"Retry_After": IN_HALF_A_MINUTE.replace("GMT", "-0000")}, 30),
        ({"Retry_After": A_WEEK_AGO}, 0),
        ({"Retry_After": IN_HALF_A_MINUTE, "retry_after_ms": "250"}, 0.25),
        ({"Retry_After": "Wed, 99 Oct 2026 07:28:00 GMT"}, None),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": ""}, None),
        ({"Retry_After": "-3"}, None),
        ({"Retry_After": "nan"}, None),
        ({"Retry_After": "inf"}, None),
        ({"retry_after_ms": "-inf"}, None),
    ],
    ids=str,
)
def test_a_retry_after_is_a_number_or_a_date(
    adapter: Asking, peer: Peer, headers: dict[str, str], seconds: float | None
) -> None:
    """Milliseconds go before seconds and dates; what is past is now, and nonsense is unsaid."""
    peer.answers({}, status=429, **headers)
    assert adapter.failed(peer.url).retry_after_s == seconds


@pytest.mark.parametrize("status", [400, 413, 422])
def test_the_upstreams_words_about_a_bad_request_are_passed_on(
    adapter: Asking, simulator: Simulator, upstream: str, status: int
) -> None:
    """The caller can act on what the upstream says is wrong with the request."""
    simulator.set({"fault": "status", "status": status})
    assert adapter.failed(upstream).message == f"Simulated error {status}."


@pytest.mark.parametrize("status", [401, 402, 403, 404, 429, 500, 503])
def test_the_upstreams_words_about_itself_are_not(adapter: Asking, peer: Peer, status: int) -> None:
    """What concerns our account with the upstream is none of the caller's business."""
    peer.answers({"error": {"message": "Organisation org-7 owes us."}}, status=status)
    failure = adapter.failed(peer.url)
    assert "org-7" not in repr(failure)
    assert str(status) in failure.message


def test_the_upstreams_words_are_capped(adapter: Asking, peer: Peer) -> None:
    """However much an upstream has to say, ERROR_CHARACTERS_MAX of it are kept."""
    peer.answers({"error": {"message": "x" * 100_000}}, status=400)
    assert adapter.failed(peer.url).message == "x" * ERROR_CHARACTERS_MAX


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>no</html>",
        b"\xff",
        b"[" * 100_000,
        [],
        "no",
        None,
        {},
        {"error": None},
        {"error": []},
        {"error": {"message": None}},
        {"error": {"message": {"text": "no"}}},
        {"error": {"message": ""}},
    ],
    ids=lambda body: str(body)[:20],
)
def test_a_bad_request_without_words_is_still_told(adapter: Asking, peer: Peer, body: Any) -> None:
    """Whatever stands in the body of a 400, the failure has a sentence."""
    peer.answers(body, status=400)
    failure = adapter.failed(peer.url)
    assert failure.kind is FailureKind.REJECTED
    assert failure.message == "The provider answered with status 400."


def test_an_error_may_be_a_plain_text(adapter: Asking, peer: Peer) -> None:
    """Some self-hosted servers put the sentence where others have an object."""
    peer.answers({"error": "Too long."}, status=400)
    assert adapter.failed(peer.url).message == "Too long."


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            {"code": "context_length_exceeded", "param": "messages"},
            ("context_length_exceeded", "messages"),
        ),
        ({"details": {"error_code": "invalid_value"}}, ("invalid_value", None)),
        ({"code": None, "param": "messages[0].content"}, (None, "messages[0].content")),
        ({"code": "insufficient_quota", "param": None}, (None, None)),
        ({"code": "invalid_api_key", "param": KEY}, (None, None)),
        ({"code": ["empty_array"], "param": 7, "details": []}, (None, None)),
        ({"param": "x" * 1_000}, (None, None)),
        ({"param": "a b"}, (None, None)),
    ],
    ids=str,
)
def test_the_upstreams_code_and_param_are_passed_on(
    adapter: Asking, peer: Peer, error: dict[str, Any], told: tuple[str | None, str | None]
) -> None:
    """Of a refusal that the caller can mend; codes nobody knows and odd places are not."""
    peer.answers({"error": {"message": "No.", **error}}, status=400)
    failure = adapter.failed(peer.url)
    assert (failure.code, failure.param) == told


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_an_upstreams_own_trouble_has_no_code(adapter: Asking, peer: Peer, status: int) -> None:
    """Only what is wrong with the request has a code and a place."""
    error = {"message": "No.", "code": "invalid_value", "param": "n"}
    peer.answers({"error": error}, status=status)
    failure = adapter.failed(peer.url)
    assert (failure.code, failure.param) == (None, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(adapter: Asking, peer: Peer, status: int) -> None:
    """A redirect is a mistake in the catalog; neither request nor key goes to where it points."""
    with peer_of() as elsewhere:
        peer.answers(b"", status=status, Location=elsewhere.url)
        failure = adapter.failed(peer.url)
    assert elsewhere.heard == []
    assert len(peer.heard) == 1
    assert failure.kind is FailureKind.MISCONFIGURED
    assert failure.status_code == status


@pytest.mark.parametrize("status", [200, 202, 302, 400, 401, 403, 422, 429, 500])
def test_a_key_that_comes_back_is_not_passed_on(adapter: Asking, peer: Peer, status: int) -> None:
    """An upstream that repeats our key in its error does not give it to the caller."""
    words = json.dumps({"error": {"message": f"Incorrect API key provided: {KEY}."}}).encode()
    peer.answers(words, status=status, Location=f"/{KEY}", Retry_After=KEY)
    assert KEY not in repr(adapter.failed(peer.url))
