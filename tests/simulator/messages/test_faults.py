"""Faults, as a client of the messages protocol meets them."""

import pytest
import requests

from tests.simulator.running import Simulator

from .reading import events, rebuilt, text


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_a_status_comes_in_the_envelope(simulator: Simulator, status: int, kind: str) -> None:
    """An error has the status and wait that were set and the vendor's type for it."""
    simulator.set({"fault": "status", "status": status, "retry_after_s": 7})
    refused = simulator.message()
    assert (refused.status_code, refused.headers["Retry-After"]) == (status, "7")
    assert (refused.json()["type"], refused.json()["error"]["type"]) == ("error", kind)


def test_a_code_rides_in_the_details(simulator: Simulator) -> None:
    """A code that was set is the error's stable cause."""
    simulator.set({"fault": "status", "status": 429, "code": "enforced_spend_limit_reached"})
    error = simulator.message().json()["error"]
    assert error["details"] == {"error_code": "enforced_spend_limit_reached"}


def test_calls_are_counted_by_job_and_attempt(simulator: Simulator) -> None:
    """Calls of both protocols are found under the same jobs."""
    simulator.message(job="a", attempt=1)
    simulator.message(job="a", attempt=2)
    simulator.chat(job="a", attempt=2)
    counted = simulator.calls()
    assert (counted["jobs"], counted["answered"]) == ({"a": {"1": 1, "2": 2}}, 3)


def test_both_protocols_draw_alike(simulator: Simulator) -> None:
    """A share of failing jobs is the same share in both protocols."""
    rule = {"fault": "status", "status": 503, "share": 0.5}
    runs = []
    for ask in (simulator.chat, simulator.message):
        simulator.set(rule, seed=7)
        runs.append([ask(job=f"job_{number}").status_code for number in range(40)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 503}


@pytest.mark.parametrize(
    ("wrong", "low", "high"), [("negative", -100, -1), ("absurd", 10**12, 10**18)]
)
def test_wrong_usage_is_out_of_range(simulator: Simulator, wrong: str, low: int, high: int) -> None:
    """Usage is nothing a call can have used, and the answer itself is in order."""
    honest = text(simulator.message())
    simulator.set({"fault": "wrong_usage", "usage": wrong})
    answered = simulator.message()
    assert text(answered) == honest
    assert low <= answered.json()["usage"]["output_tokens"] <= high


def test_usage_can_be_null_or_missing(simulator: Simulator) -> None:
    """Usage that is not reported is null in one fault and left out in another."""
    simulator.set({"fault": "wrong_usage", "usage": "null", "times": 1}, {"fault": "wrong_usage"})
    null, missing = simulator.message().json(), simulator.message().json()
    assert null["usage"] is None
    assert "usage" not in missing


def test_wrong_usage_reaches_both_ends_of_a_stream(simulator: Simulator) -> None:
    """The first and the last report of a stream are both left out."""
    simulator.set({"fault": "wrong_usage"})
    first, *_, last, _ = events(simulator.message(stream=True))
    assert "usage" not in first["message"]
    assert "usage" not in last


def test_cached_usage_adds_up_to_the_honest_one(simulator: Simulator) -> None:
    """Half of the prompt comes from a cache, which each protocol tells in its own way."""
    whole = simulator.message().json()["usage"]["input_tokens"]
    simulator.set({"fault": "wrong_usage", "usage": "cached"})
    usage = simulator.message().json()["usage"]
    chat = simulator.chat().json()["usage"]
    assert usage["cache_read_input_tokens"] == chat["prompt_tokens_details"]["cached_tokens"] > 0
    assert usage["input_tokens"] + usage["cache_read_input_tokens"] == whole
    assert chat["prompt_tokens"] == whole


def test_an_empty_message_has_no_content_or_an_empty_one(simulator: Simulator) -> None:
    """Emptiness is of two kinds."""
    simulator.set({"fault": "empty", "times": 1}, {"fault": "empty", "empty": "content"})
    assert simulator.message().json()["content"] == []
    assert simulator.message().json()["content"] == [{"type": "text", "text": ""}]


@pytest.mark.parametrize("stream", [False, True])
def test_a_huge_message_is_huge_and_valid(simulator: Simulator, *, stream: bool) -> None:
    """A huge body has at least the megabytes set, and is in good form."""
    simulator.set({"fault": "huge", "megabytes": 3})
    answered = simulator.message(stream=stream)
    message = rebuilt(events(answered)) if stream else answered.json()
    assert [len(block["text"]) for block in message["content"]] == [3_000_000]


def test_garbage_and_half_a_body(simulator: Simulator) -> None:
    """Faults of the connection are the same in this protocol."""
    simulator.set({"fault": "garbage", "times": 1}, {"fault": "truncated"})
    with pytest.raises(requests.JSONDecodeError):
        simulator.message().json()
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        simulator.message()
