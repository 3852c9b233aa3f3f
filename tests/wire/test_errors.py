"""Every error leaves by one table: status, envelope and headers, on either surface."""

import json
from typing import Any

import pytest

from app.domain import errors
from app.domain.dialect import Dialect
from app.domain.errors import BusbarError, Fault
from app.wire.errors import (
    RETRY_AFTER_MAX_S,
    TABLE,
    Row,
    envelope,
    envelope_of_code,
    headers,
    reply,
    reply_of_code,
    row_of_code,
)
from tests.domain.error_classes import every_error

EVERY = every_error()
CHAT, MESSAGES = Dialect.CHAT, Dialect.MESSAGES

LEAVES = {
    "internal_error": (500, "server_error", 500, "api_error"),
    "invalid_request": (400, "invalid_request_error", 400, "invalid_request_error"),
    "invalid_value": (422, "invalid_request_error", 400, "invalid_request_error"),
    "request_too_large": (413, "invalid_request_error", 413, "request_too_large"),
    "invalid_api_key": (401, "authentication_error", 401, "authentication_error"),
    "insufficient_balance": (402, "insufficient_quota", 402, "billing_error"),
    "request_exceeds_limit": (402, "insufficient_quota", 402, "billing_error"),
    "cap_reached": (402, "insufficient_quota", 402, "billing_error"),
    "balance_replenishing": (503, "server_error", 503, "overloaded_error"),
    "holds_exhausted": (503, "server_error", 503, "overloaded_error"),
    "model_not_found": (404, "invalid_request_error", 404, "not_found_error"),
    "not_found": (404, "invalid_request_error", 404, "not_found_error"),
    "path_not_found": (404, "invalid_request_error", 404, "not_found_error"),
    "method_not_allowed": (405, "invalid_request_error", 405, "invalid_request_error"),
    "idempotency_key_reused": (422, "invalid_request_error", 422, "invalid_request_error"),
    "rate_limit_exceeded": (429, "rate_limit_error", 429, "rate_limit_error"),
    "timeout": (504, "server_error", 504, "timeout_error"),
    "deadline_passed": (504, "server_error", 504, "timeout_error"),
    "job_cancelled": (409, "conflict_error", 409, "conflict_error"),
    "worker_lost": (500, "server_error", 500, "api_error"),
    "provider_rejected": (400, "invalid_request_error", 400, "invalid_request_error"),
    "provider_unavailable": (503, "server_error", 529, "overloaded_error"),
    "stream_interrupted": (500, "server_error", 500, "api_error"),
    "database_unavailable": (503, "server_error", 503, "overloaded_error"),
    "catalog_invalid": (500, "server_error", 500, "api_error"),
    "account_exists": (409, "conflict_error", 409, "conflict_error"),
    "reference_reused": (409, "conflict_error", 409, "conflict_error"),
}
"""Status and type on chat, status and type on messages."""


def row(*, retry: bool | None = None, retry_after_s: float | None = None) -> Row:
    """Return a row for errors of no particular kind."""
    return Row(status=503, kind="k", messages_kind="m", retry=retry, retry_after_s=retry_after_s)


def test_every_error_has_exactly_one_row() -> None:
    """The table and the list of errors are the same set of classes."""
    assert set(TABLE) == set(EVERY)


@pytest.mark.parametrize("error", EVERY, ids=lambda error: error.__name__)
def test_an_error_leaves_as_each_vendor_has_it(error: type[BusbarError]) -> None:
    """Status and type are the vendor's own for the same thing."""
    chat, messages = reply(error(), CHAT), reply(error(), MESSAGES)
    assert LEAVES[error.code] == (
        chat.status,
        chat.body["error"]["type"],
        messages.status,
        messages.body["error"]["type"],
    )


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("error", EVERY, ids=lambda error: error.__name__)
def test_a_remembered_failure_leaves_as_the_raised_one(
    error: type[BusbarError], dialect: Dialect
) -> None:
    """What a job remembers by its code is told as if it were raised now."""
    raised = error("So it is.")
    remembered = reply_of_code(error.code, "So it is.", dialect, request_id="req_1")
    assert remembered == reply(raised, dialect, request_id="req_1")


@pytest.mark.parametrize(
    ("status", "kind"), [(400, "invalid_request_error"), (413, "request_too_large"), (418, None)]
)
def test_a_providers_own_status_is_passed_on(status: int, kind: str | None) -> None:
    """A refusal of the provider's leaves with the provider's status, and the type that fits it."""
    told = reply_of_code("provider_rejected", "No.", MESSAGES, status=status)
    assert told.status == reply_of_code("provider_rejected", "No.", status=status).status == status
    assert told.body["error"]["type"] == (kind or "invalid_request_error")


def test_a_status_that_is_ours_is_the_tables() -> None:
    """A job remembers 503 for a provider that was not there; on messages that is a 529."""
    code = errors.ProviderUnavailable.code
    assert reply_of_code(code, "?", MESSAGES, status=503).status == 529
    assert reply_of_code(code, "?", CHAT, status=503).status == 503


def test_an_unknown_code_leaves_as_our_fault() -> None:
    """A code that no class has any more is answered with 500."""
    assert row_of_code("forgotten").status == 500
    assert envelope_of_code("forgotten", "?")["error"]["type"] == "server_error"
    assert envelope_of_code("forgotten", "?", MESSAGES)["error"]["type"] == "api_error"


@pytest.mark.parametrize("error", EVERY, ids=lambda error: error.__name__)
def test_a_chat_envelope_is_the_vendors_and_the_seeds(error: type[BusbarError]) -> None:
    """`error` has the vendor's four fields, and `errors.detail` says the same sentence."""
    body = envelope(error("So it is.", param="n"), request_id="req_1")
    assert body == {
        "error": {
            "message": "So it is.",
            "type": TABLE[error].kind,
            "param": "n",
            "code": error.code,
        },
        "errors": {"detail": "So it is.", "code": error.code},
    }


@pytest.mark.parametrize("error", EVERY, ids=lambda error: error.__name__)
def test_a_messages_envelope_is_the_vendors(error: type[BusbarError]) -> None:
    """Type and message inside, the request's id outside, our code where that vendor has its own."""
    assert envelope(error("So it is.", param="n"), MESSAGES, request_id="req_1") == {
        "type": "error",
        "error": {
            "type": TABLE[error].messages_kind,
            "message": "So it is.",
            "details": {"error_code": error.code, **_refused(error)},
        },
        "request_id": "req_1",
    }


def _refused(error: type[BusbarError]) -> dict[str, str]:
    return {"param": "n"} if error is errors.ProviderRejected else {}


@pytest.mark.parametrize("dialect", Dialect)
def test_a_providers_code_stands_where_clients_look(dialect: Dialect) -> None:
    """What a provider called its refusal, and the field, are in both envelopes; our code stays."""
    told = reply_of_code(
        "provider_rejected", "No.", dialect, param="stop", cause="invalid_value", status=400
    )
    if dialect is CHAT:
        assert (told.body["error"]["code"], told.body["error"]["param"]) == (
            "invalid_value",
            "stop",
        )
        assert told.body["errors"]["code"] == "provider_rejected"
    else:
        assert told.body["error"]["details"] == {"error_code": "invalid_value", "param": "stop"}


def test_a_prompt_that_does_not_fit_is_told_in_the_words_of_each_vendor() -> None:
    """Clients of OpenAI know a code, coding agents on messages the beginning of a sentence."""
    told = {
        dialect: reply_of_code(
            "provider_rejected", "Too much.", dialect, cause="context_length_exceeded", status=400
        ).body["error"]
        for dialect in Dialect
    }
    assert told[CHAT]["code"] == "context_length_exceeded"
    assert told[CHAT]["message"] == "Too much."
    assert told[MESSAGES]["message"] == "prompt is too long: Too much."


def test_a_messages_envelope_of_no_request_has_no_id() -> None:
    """Where no request is being answered, as in a job that is shown, none is made up."""
    assert "request_id" not in envelope(errors.NotFound(), MESSAGES)


@pytest.mark.parametrize("dialect", Dialect)
def test_an_envelope_without_faults_lists_none(dialect: Dialect) -> None:
    """`faults` stands in the envelope only where there are some."""
    assert "faults" not in json.dumps(envelope(errors.InvalidRequest(), dialect))


@pytest.mark.parametrize(
    ("dialect", "path"), [(CHAT, ["error", "faults"]), (MESSAGES, ["error", "details", "faults"])]
)
def test_an_envelope_lists_every_fault(dialect: Dialect, path: list[str]) -> None:
    """Each fault tells its job, its place and what is wrong."""
    faults = (Fault(where="n", what="is required"), Fault(where="m", what="is odd", index=3))
    found: Any = envelope(errors.OutOfRange("n: is required", faults=faults), dialect)
    for name in path:
        found = found[name]
    assert found == [
        {"index": None, "where": "n", "what": "is required"},
        {"index": 3, "where": "m", "what": "is odd"},
    ]


@pytest.mark.parametrize("dialect", Dialect)
def test_every_envelope_is_json(dialect: Dialect) -> None:
    """Every envelope can be sent."""
    assert all(json.loads(json.dumps(envelope(error(), dialect))) for error in EVERY)


@pytest.mark.parametrize(
    ("of", "told"),
    [
        (row(), {}),
        (row(retry=True), {"x-should-retry": "true"}),
        (row(retry=False), {"x-should-retry": "false"}),
        (
            row(retry=True, retry_after_s=2),
            {"x-should-retry": "true", "Retry-After": "2", "retry-after-ms": "2000"},
        ),
        (row(retry_after_s=1.25), {"Retry-After": "2", "retry-after-ms": "1250"}),
        (row(retry_after_s=0), {"Retry-After": "1", "retry-after-ms": "1"}),
        (row(retry=False, retry_after_s=2), {"x-should-retry": "false"}),
    ],
)
def test_headers_say_whether_and_when_to_try_again(of: Row, told: dict[str, str]) -> None:
    """Only what is known is told: nothing means that the status decides."""
    assert headers(of) == told


def test_an_error_may_know_better_when_to_try_again() -> None:
    """What this very error knows goes before what its kind has in the table."""
    told = reply(errors.RateLimited(retry_after_s=0.35)).headers
    assert told == {"x-should-retry": "true", "Retry-After": "1", "retry-after-ms": "350"}


@pytest.mark.parametrize("wait_s", [RETRY_AFTER_MAX_S + 0.5, 3_600])
def test_a_long_wait_is_no_wait(wait_s: float) -> None:
    """Clients ignore a Retry-After past a minute, or sleep for hours; they are told not to try."""
    assert reply(errors.RateLimited(retry_after_s=wait_s)).headers == {"x-should-retry": "false"}


def test_no_client_is_left_to_guess_about_a_conflict() -> None:
    """Every SDK retries a 409 unless it is told otherwise, so every 409 says something."""
    conflicts = [of for of in TABLE.values() if of.status == 409]
    assert conflicts
    assert all("x-should-retry" in headers(of) for of in conflicts)


def test_no_client_retries_what_needs_a_person() -> None:
    """An empty balance, a failed job and a broken stream are not sent again by themselves."""
    final = (errors.InsufficientBalance, errors.ProviderRejected, errors.WorkerLost)
    capped = (errors.RequestExceedsLimit, errors.CapReached)
    for error in (*final, *capped, errors.StreamInterrupted):
        assert headers(TABLE[error])["x-should-retry"] == "false"


@pytest.mark.parametrize("error", [errors.DatabaseUnavailable, errors.RateLimited])
def test_clients_retry_what_nothing_came_of(error: type[BusbarError]) -> None:
    """A database that is away and a limit that was passed are worth another try, soon."""
    told = headers(TABLE[error])
    assert told["x-should-retry"] == "true"
    assert 0 < int(told["Retry-After"]) <= RETRY_AFTER_MAX_S
