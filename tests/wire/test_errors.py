"""Every error leaves by one table: status, envelope and headers."""

import json

import pytest

from app.domain import errors
from app.domain.errors import BusbarError, Fault
from app.wire.errors import TABLE, Row, envelope, envelope_of_code, headers, row_of, row_of_code
from tests.domain.error_classes import every_error

EVERY = every_error()

STATUSES = {
    "internal_error": 500,
    "invalid_request": 400,
    "invalid_value": 422,
    "request_too_large": 413,
    "invalid_api_key": 401,
    "insufficient_balance": 402,
    "model_not_found": 404,
    "not_found": 404,
    "path_not_found": 404,
    "method_not_allowed": 405,
    "idempotency_key_reused": 422,
    "timeout": 504,
    "deadline_passed": 504,
    "job_cancelled": 409,
    "worker_lost": 500,
    "provider_rejected": 400,
    "provider_unavailable": 503,
    "database_unavailable": 503,
    "catalog_invalid": 500,
    "account_exists": 409,
    "reference_reused": 409,
}


def test_every_error_has_exactly_one_row() -> None:
    """The table and the list of errors are the same set of classes."""
    assert set(TABLE) == set(EVERY)


@pytest.mark.parametrize("error", EVERY, ids=lambda error: error.__name__)
def test_an_error_leaves_with_its_status(error: type[BusbarError]) -> None:
    """Raised or remembered by its code, an error leaves the same way."""
    assert row_of(error()) == row_of_code(error.code) == TABLE[error]
    assert TABLE[error].status == STATUSES[error.code]


def test_an_unknown_code_leaves_as_our_fault() -> None:
    """A code that no class has any more is answered with 500."""
    assert row_of_code("forgotten").status == 500
    assert envelope_of_code("forgotten", "?")["error"]["type"] == "server_error"


@pytest.mark.parametrize("error", EVERY, ids=lambda error: error.__name__)
def test_an_envelope_is_both_vendors_and_the_seeds(error: type[BusbarError]) -> None:
    """`error` has the vendor's four fields, and `errors.detail` says the same sentence."""
    body = envelope(error("So it is.", param="n"))
    assert body["error"] == {
        "message": "So it is.",
        "type": TABLE[error].kind,
        "param": "n",
        "code": error.code,
    }
    assert body["errors"] == {"detail": "So it is.", "code": error.code}


def test_an_envelope_without_faults_lists_none() -> None:
    """`faults` stands in the envelope only where there are some."""
    assert "faults" not in envelope(errors.InvalidRequest())["error"]


def test_an_envelope_lists_every_fault() -> None:
    """Each fault tells its job, its place and what is wrong."""
    faults = (Fault(where="n", what="is required"), Fault(where="m", what="is odd", index=3))
    assert envelope(errors.OutOfRange("n: is required", faults=faults))["error"]["faults"] == [
        {"index": None, "where": "n", "what": "is required"},
        {"index": 3, "where": "m", "what": "is odd"},
    ]


def test_a_remembered_failure_has_the_envelope_of_the_raised_one() -> None:
    """What a job remembers is shown as if it were raised now."""
    error = errors.ProviderRejected("No.")
    assert envelope_of_code(error.code, error.message) == envelope(error)


def test_every_envelope_is_json() -> None:
    """Every envelope can be sent."""
    assert all(json.loads(json.dumps(envelope(error()))) for error in EVERY)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (Row(status=400, kind="k"), {}),
        (Row(status=503, kind="k", retry=True), {"x-should-retry": "true"}),
        (Row(status=402, kind="k", retry=False), {"x-should-retry": "false"}),
        (
            Row(status=503, kind="k", retry=True, retry_after_s=2),
            {"x-should-retry": "true", "Retry-After": "2", "retry-after-ms": "2000"},
        ),
        (
            Row(status=503, kind="k", retry_after_s=0),
            {"Retry-After": "0", "retry-after-ms": "0"},
        ),
    ],
)
def test_headers_say_whether_and_when_to_try_again(row: Row, told: dict[str, str]) -> None:
    """Only what is known is told: nothing means that the status decides."""
    assert headers(row) == told


def test_no_client_retries_what_needs_a_person() -> None:
    """An empty balance and a failed job are not sent again by themselves."""
    for error in (errors.InsufficientBalance, errors.ProviderRejected, errors.WorkerLost):
        assert headers(TABLE[error])["x-should-retry"] == "false"


def test_clients_retry_what_nothing_came_of() -> None:
    """A database that is away is worth another try, soon."""
    told = headers(TABLE[errors.DatabaseUnavailable])
    assert told["x-should-retry"] == "true"
    assert int(told["Retry-After"]) > 0
