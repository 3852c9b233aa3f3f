"""Receipts: what a request used, what it cost, who served it, and what paid for it."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from app.domain.attempt import Failure, FailureKind
from app.domain.errors import InvalidKey, InvalidRequest, NotFound
from app.domain.usage.receipt import version_of
from app.services.start import Started
from tests.web.api import JOBS, MOMENT, Api, assert_refused, entry

USAGE = "/v1/usage"
COST = "0.000045"


def broken(_: Started) -> Failure:
    """Fail as a provider does that no one can mend."""
    return Failure(kind=FailureKind.REJECTED, symbol="status_400", message="No.", status_code=400)


def asked(api: Api) -> str:
    """Ask for a completion and return the name of its receipt."""
    answered = api.chat()
    assert answered.status_code == 200, answered.text
    return str(answered.headers["x-busbar-request-id"])


def test_an_answer_names_its_receipt(api: Api, carry: Callable[..., None]) -> None:
    """The header's id leads to the receipt of the job behind the answer; so does the job's."""
    carry(api)
    answered = api.chat()
    request_id = answered.headers["x-busbar-request-id"]
    job_id = answered.headers["x-busbar-job-id"]
    assert request_id == job_id.replace("job_", "req_")
    assert answered.headers["x-busbar-cost"] == COST
    by_request, by_job = (api.get(f"{USAGE}/{name}").json for name in (request_id, job_id))
    assert by_request == by_job
    assert (by_request["request_id"], by_request["job_id"]) == (request_id, job_id)


def test_a_message_names_its_receipt_too(api: Api, carry: Callable[..., None]) -> None:
    """Both surfaces have the same headers."""
    carry(api)
    answered = api.message()
    assert answered.headers["x-busbar-cost"] == COST
    told = api.get(f"{USAGE}/{answered.headers['x-busbar-request-id']}").json
    assert told["endpoint"] == "/v1/messages"


def test_a_replay_has_the_receipt_of_the_first(api: Api, carry: Callable[..., None]) -> None:
    """The same job stands behind both answers, and its cost is told, not charged, again."""
    carry(api)
    first, second = (api.chat(headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert second.headers["idempotent-replayed"] == "true"
    for name in ("x-busbar-request-id", "x-busbar-cost"):
        assert first.headers[name] == second.headers[name]
    assert api.balance()["spent"] == COST


def test_a_job_names_its_receipt(api: Api, carry: Callable[..., None]) -> None:
    """The native API has the headers as well; the cost comes with the end."""
    submitted = api.post(JOBS, entry())
    name = submitted.headers["x-busbar-request-id"]
    assert "x-busbar-cost" not in submitted.headers
    carry(api)
    shown = api.get(f"{JOBS}/{submitted.json['id']}", "wait=30")
    assert (shown.headers["x-busbar-request-id"], shown.headers["x-busbar-cost"]) == (name, COST)


def test_a_cancelled_job_cost_nothing(api: Api) -> None:
    """Its header and its receipt say so."""
    cancelled = api.cancel(api.later())
    assert cancelled.headers["x-busbar-cost"] == "0.00"
    told = api.get(f"{USAGE}/{cancelled.headers['x-busbar-request-id']}").json
    assert (told["status"], told["cost"]["status"]) == ("error", "cancelled")
    assert (told["cost"]["amount"], told["cost"]["breakdown"], told["attempts"]) == ("0.00", [], [])
    assert told["cost"]["price_version"] is None


def test_a_receipt_is_whole(api: Api, carry: Callable[..., None]) -> None:
    """Usage, prices, the lot that paid, the attempt, and the times."""
    carry(api)
    told = api.get(f"{USAGE}/{asked(api)}").json
    assert (told["object"], told["status"], told["endpoint"]) == (
        "usage",
        "reconciled",
        "/v1/chat/completions",
    )
    assert (told["requested_model"], told["key_id"]) == ("text-prime", api.customer.caller.key_id)
    assert told["usage"] == {
        "input_tokens": 10,
        "output_tokens": 20,
        "cached_tokens": 0,
        "reasoning_tokens": 0,
        "total_tokens": 30,
    }
    (attempt,) = told["attempts"]
    assert (told["serving_provider"], told["serving_model"]) == (
        attempt["provider"],
        attempt["model"],
    )
    assert (attempt["number"], attempt["state"], attempt["failure"]) == (1, "succeeded", None)
    assert attempt["usage"] == {"input_tokens": 10, "output_tokens": 20}
    for moment in (told["created_at"], told["finished_at"], attempt["finished_at"]):
        assert MOMENT.fullmatch(moment)
    assert told["timing"]["duration_ms"] >= 0


def test_a_receipt_adds_up(api: Api, carry: Callable[..., None]) -> None:
    """What the lots paid is the cost, and the cost is tokens by the price, which has a name."""
    carry(api)
    cost = api.get(f"{USAGE}/{asked(api)}").json["cost"]
    assert (cost["amount"], cost["currency"], cost["status"]) == (COST, "USD", "reconciled")
    assert sum(Decimal(draw["amount"]) for draw in cost["breakdown"]) == Decimal(COST)
    tokens = 10 * Decimal(cost["input_price"]) + 20 * Decimal(cost["output_price"])
    assert tokens / 1_000_000 == Decimal(COST)
    name = version_of("text-prime", api.gateway.catalog.instruments["text-prime"].price)
    assert cost["price_version"] == name
    (draw,) = cost["breakdown"]
    assert (draw["source"], draw["kind"], draw["tokens"]) == ("deposit", "capture", None)
    assert draw["lot_id"] == api.balance()["lots"][0]["id"]


def test_a_job_on_its_way_has_a_receipt(api: Api) -> None:
    """What is not known yet is null; nothing is a zero that is not one."""
    told = api.get(f"{USAGE}/{api.later()}").json
    assert (told["status"], told["cost"]["status"]) == ("pending", "pending")
    assert (told["usage"], told["cost"]["amount"], told["serving_model"]) == (None, None, None)
    assert told["finished_at"] is None


def test_a_failure_is_free_and_says_why(api: Api, carry: Callable[..., None]) -> None:
    """The refused call has a header with no cost, and its receipt the attempt that failed."""
    carry(api, broken)
    answered = api.chat()
    assert answered.status_code == 400
    assert answered.headers["x-busbar-cost"] == "0.00"
    told = api.get(f"{USAGE}/{answered.headers['x-busbar-request-id']}").json
    assert (told["status"], told["serving_provider"]) == ("error", None)
    (attempt,) = told["attempts"]
    assert (attempt["state"], attempt["status_code"]) == ("failed", 400)
    assert attempt["failure"]


def test_nobody_sees_a_receipt_of_others(api: Api, shared: Api, carry: Callable[..., None]) -> None:
    """Another account is told that there is none, under either name."""
    carry(api)
    request_id, other = asked(api), shared.another()
    for name in (request_id, request_id.replace("req_", "job_")):
        assert api.get(f"{USAGE}/{name}").status_code == 200
        assert_refused(other.get(f"{USAGE}/{name}"), 404, NotFound)
    assert other.get(USAGE).json["data"] == []


@pytest.mark.parametrize("name", ["req_", "req_nobody", "nothing", "job_%00", "req_" + "x" * 99])
def test_what_is_no_receipt_is_not_found(api: Api, name: str) -> None:
    """The answer says which names there are."""
    answered = api.get(f"{USAGE}/{name}")
    assert_refused(answered, 404, NotFound)
    assert "x-busbar-request-id" in answered.json["error"]["message"]


def test_a_receipt_has_no_parameters(api: Api) -> None:
    """One that is sent anyway is named, not ignored."""
    answered = api.get(f"{USAGE}/{api.later()}", "group_by=day")
    assert_refused(answered, 400, InvalidRequest)
    assert answered.json["error"]["message"] == "group_by: is no parameter; none is known here"


@pytest.mark.parametrize("path", [USAGE, f"{USAGE}/req_1", f"{USAGE}/summary"])
def test_usage_needs_a_key(api: Api, path: str) -> None:
    """Nobody looks at usage without one."""
    answered = api.get(path, headers={"Authorization": "Bearer no"})
    assert_refused(answered, 401, InvalidKey)


def test_a_stream_names_its_receipt(api: Api, carry: Callable[..., None]) -> None:
    """Before its cost is known, so only the receipt tells that; following it later, too."""
    carry(api)
    answered = api.chat(stream=True)
    assert answered.status_code == 200, answered.text
    request_id = answered.headers["x-busbar-request-id"]
    assert "x-busbar-cost" not in answered.headers
    receipt = api.get(f"{USAGE}/{request_id}").json
    assert (receipt["status"], receipt["cost"]["amount"]) == ("reconciled", COST)
    followed = api.get(f"{JOBS}/{receipt['job_id']}/stream")
    assert followed.headers["x-busbar-request-id"] == request_id
