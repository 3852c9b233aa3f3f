"""Every fault, as a client meets it."""

import json
import time

import pytest
import requests

from .running import Simulator, frames, said


def test_a_status_comes_in_the_envelope(simulator: Simulator) -> None:
    """An error has the status, the wait and the code that were set, in the vendor's envelope."""
    simulator.set({"fault": "status", "status": 429, "retry_after_s": 7, "code": "slow_down"})
    refused = simulator.chat()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "slow_down")
    assert error["message"]


def test_a_status_without_a_wait_has_no_retry_after(simulator: Simulator) -> None:
    """Retry-After is sent only where it is set."""
    simulator.set({"fault": "status", "status": 503})
    refused = simulator.chat()
    assert refused.status_code == 503
    assert "Retry-After" not in refused.headers


@pytest.mark.parametrize("stream", [False, True])
def test_garbage_is_not_json(simulator: Simulator, *, stream: bool) -> None:
    """Garbage comes with a 200 and is not JSON."""
    simulator.set({"fault": "garbage"})
    answered = simulator.chat(stream=stream)
    assert answered.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answered.json()


@pytest.mark.parametrize("stream", [False, True])
def test_a_truncated_body_is_shorter_than_promised(simulator: Simulator, *, stream: bool) -> None:
    """The connection closes before all bytes of Content-Length have come."""
    simulator.set({"fault": "truncated"})
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        simulator.chat(stream=stream)


@pytest.mark.parametrize("stream", [False, True])
def test_a_slow_drip_is_whole_in_the_end(simulator: Simulator, *, stream: bool) -> None:
    """A dripped body comes slowly, and then is the very body that was due."""
    honest = simulator.chat(stream=stream, max_tokens=1).content
    simulator.set({"fault": "slow_drip", "every_ms": 0.1})
    begun = time.monotonic()
    assert simulator.chat(stream=stream, max_tokens=1).content == honest
    assert time.monotonic() - begun >= len(honest) * 0.0001


def test_a_hang_ends_when_the_client_leaves(simulator: Simulator) -> None:
    """Nothing comes, however long the client waits."""
    simulator.set({"fault": "hang"})
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{simulator.url}/v1/chat/completions",
            json={"model": "m", "messages": [{"role": "user"}]},
            timeout=0.2,
        )
    assert simulator.calls()["faults"] == {"hang": 1}


def test_a_reset_breaks_the_connection(simulator: Simulator) -> None:
    """The connection is reset before any byte of an answer."""
    simulator.set({"fault": "reset"})
    with pytest.raises(requests.ConnectionError, match="reset"):
        simulator.chat()
    counted = simulator.calls()
    assert (counted["total"], counted["answered"]) == (1, 0)


@pytest.mark.parametrize(
    ("wrong", "low", "high"), [("negative", -100, -1), ("absurd", 10**12, 10**18)]
)
def test_wrong_usage_is_out_of_range(simulator: Simulator, wrong: str, low: int, high: int) -> None:
    """Usage is nothing a call can have used, and the answer itself is in order."""
    honest = said(simulator.chat())
    simulator.set({"fault": "wrong_usage", "usage": wrong})
    answered = simulator.chat()
    assert said(answered) == honest
    assert low <= answered.json()["usage"]["completion_tokens"] <= high


def test_usage_can_be_null_or_missing(simulator: Simulator) -> None:
    """Usage that is not reported is null in one fault and left out in another."""
    simulator.set({"fault": "wrong_usage", "usage": "null", "times": 1}, {"fault": "wrong_usage"})
    null, missing = simulator.chat().json(), simulator.chat().json()
    assert null["usage"] is None
    assert "usage" not in missing


def test_wrong_usage_reaches_streams(simulator: Simulator) -> None:
    """The usage chunk of a stream is spoilt like that of a whole answer."""
    simulator.set({"fault": "wrong_usage", "usage": "negative"})
    last = frames(simulator.chat(stream=True, stream_options={"include_usage": True}))[-1]
    assert last["usage"]["total_tokens"] < 0


def test_an_empty_answer_has_no_choices_or_no_content(simulator: Simulator) -> None:
    """Emptiness is of two kinds."""
    simulator.set({"fault": "empty", "times": 1}, {"fault": "empty", "empty": "content"})
    assert simulator.chat().json()["choices"] == []
    assert said(simulator.chat()) == ""


@pytest.mark.parametrize("stream", [False, True])
def test_a_huge_answer_is_huge_and_valid(simulator: Simulator, *, stream: bool) -> None:
    """A huge body has at least the megabytes set, and is in good form."""
    simulator.set({"fault": "huge", "megabytes": 3})
    answered = simulator.chat(stream=stream)
    assert len(answered.content) > 3_000_000
    text = frames(answered)[1]["choices"][0]["delta"]["content"] if stream else said(answered)
    assert len(text) == 3_000_000


def test_a_cut_stream_ends_without_done(simulator: Simulator) -> None:
    """Half the events come, the body ends in good order, and `[DONE]` is missing."""
    whole = frames(simulator.chat(stream=True))
    simulator.set({"fault": "cut_stream"})
    cut = simulator.chat(stream=True)
    assert frames(cut) == whole[: len(frames(cut))]
    assert 1 <= len(frames(cut)) < len(whole)
    assert b"[DONE]" not in cut.content


def test_only_streams_are_cut(simulator: Simulator) -> None:
    """A call that is no stream is answered in full, and does not use the fault up."""
    simulator.set({"fault": "cut_stream", "times": 1})
    assert said(simulator.chat())
    assert b"[DONE]" not in simulator.chat(stream=True).content


def test_the_share_is_kept_and_repeats(simulator: Simulator) -> None:
    """About the set share of calls fail, the very same ones in a second run."""
    rule = {"fault": "status", "status": 503, "share": 0.3}
    runs = []
    for _ in range(2):
        simulator.set(rule, seed=7)
        runs.append([simulator.chat(job=f"job_{n}", attempt=1).status_code for n in range(150)])
    assert runs[0] == runs[1]
    assert 25 <= runs[0].count(503) <= 65


def test_another_seed_or_attempt_draws_anew(simulator: Simulator) -> None:
    """Which calls fail depends on the seed, and on the attempt."""
    rule = {"fault": "status", "status": 503, "share": 0.5}
    runs = []
    for seed, attempt in [(1, 1), (2, 1), (1, 2)]:
        simulator.set(rule, seed=seed)
        runs.append(
            [simulator.chat(job=f"job_{n}", attempt=attempt).status_code for n in range(40)]
        )
    assert runs[0] != runs[1]
    assert runs[0] != runs[2]


def test_a_rule_without_jobs_draws_by_arrival(simulator: Simulator) -> None:
    """Nameless calls are drawn one by one, and repeat from the beginning of a document."""
    runs = []
    for _ in range(2):
        simulator.set({"fault": "status", "status": 500, "share": 0.5}, seed=3)
        runs.append([simulator.chat().status_code for _ in range(30)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


def test_times_run_out(simulator: Simulator) -> None:
    """A rule befalls as many calls as it was given times."""
    simulator.set({"fault": "status", "status": 503, "times": 2})
    assert [simulator.chat().status_code for _ in range(4)] == [503, 503, 200, 200]
    assert simulator.calls()["faults"] == {"status": 2}


def test_the_first_matching_rule_wins(simulator: Simulator) -> None:
    """Rules are tried in order, and one that does not match is passed over."""
    simulator.set(
        {"fault": "status", "status": 401, "match": {"model": "other"}},
        {"fault": "status", "status": 429, "match": {"contains": "tides"}},
        {"fault": "status", "status": 500},
    )
    asked = [simulator.chat(model="other"), simulator.chat(), simulator.chat("Explain the moon.")]
    assert [answered.status_code for answered in asked] == [401, 429, 500]


def test_a_rule_may_spare_later_attempts(simulator: Simulator) -> None:
    """A rule about the first attempts leaves the next one alone."""
    simulator.set({"fault": "status", "status": 503, "match": {"attempt_max": 2}})
    seen = [simulator.chat(job="a", attempt=attempt).status_code for attempt in (1, 2, 3)]
    assert seen == [503, 503, 200]


@pytest.mark.parametrize(
    "latency",
    [
        {"kind": "fixed", "ms": 60},
        {"kind": "uniform", "min_ms": 60, "max_ms": 90},
        {"kind": "lognormal", "median_ms": 100_000, "sigma": 0.1, "max_ms": 60},
    ],
)
def test_latency_holds_the_answer_back(simulator: Simulator, latency: dict[str, object]) -> None:
    """An answer takes at least the time that was set, and not much more."""
    simulator.set(latency=latency)
    begun = time.monotonic()
    assert simulator.chat().status_code == 200
    assert 0.06 <= time.monotonic() - begun < 2


def test_defaults_end_all_faults(simulator: Simulator) -> None:
    """An empty document, like DELETE, leaves no faults and no delay."""
    simulator.set({"fault": "status", "status": 503}, latency={"ms": 1})
    assert simulator.put("{}").json() == {
        "latency": {"kind": "fixed", "ms": 0},
        "rules": [],
        "seed": 0,
    }
    assert simulator.chat().status_code == 200


def test_what_is_in_force_is_shown(simulator: Simulator) -> None:
    """GET shows a document that can be put back as it is."""
    simulator.set({"fault": "hang", "share": 0.0}, seed=5)
    shown = simulator.session.get(f"{simulator.url}/_simulator/faults", timeout=5).json()
    assert (shown["seed"], shown["rules"]) == (5, [{"fault": "hang", "share": 0.0}])
    assert simulator.put(json.dumps(shown)).status_code == 200
