"""The count of calls."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from app.simulator import calls

from .running import TIMEOUT_S, Simulator, eventually


def test_calls_are_counted_by_job_and_attempt(simulator: Simulator) -> None:
    """Each call is found under its job and its attempt."""
    for job, attempt in [("a", 1), ("a", 2), ("a", 2), ("b", 1)]:
        simulator.chat(job=job, attempt=attempt)
    counted = simulator.calls()
    assert counted["jobs"] == {"a": {"1": 1, "2": 2}, "b": {"1": 1}}
    assert (counted["total"], counted["answered"], counted["in_flight"]) == (4, 4, 0)


def test_one_job_is_shown_alone(simulator: Simulator) -> None:
    """Asked for one job, only that one is shown, and nothing for one that never came."""
    for job in ("a", "b"):
        simulator.chat(job=job, attempt=1)
    assert simulator.calls(job="b")["jobs"] == {"b": {"1": 1}}
    assert simulator.calls(job="c")["jobs"] == {}


def test_the_summary_counts_what_came_again(simulator: Simulator) -> None:
    """Repeated attempts and jobs with several calls are told apart."""
    for job, attempt in [("a", 1), ("a", 1), ("b", 1), ("b", 2), ("c", 1)]:
        simulator.chat(job=job, attempt=attempt)
    summary = simulator.calls(summary="1")
    assert summary["jobs_seen"] == 3
    assert summary["jobs_with_several_calls"] == 2
    assert summary["repeated"] == 1
    assert "jobs" not in summary


def test_a_call_without_an_attempt_is_the_first(simulator: Simulator) -> None:
    """Without the header an attempt counts as 1."""
    simulator.chat(job="a")
    assert simulator.calls()["jobs"] == {"a": {"1": 1}}


def test_a_call_without_a_job_counts_in_the_totals_only(simulator: Simulator) -> None:
    """A nameless call is a call of no job."""
    simulator.chat()
    counted = simulator.calls()
    assert (counted["total"], counted["jobs"]) == (1, {})


def test_refused_calls_count(simulator: Simulator) -> None:
    """An error is an answer, and the call that got it counts."""
    simulator.chat(job="a", model="missing-one")
    counted = simulator.calls()
    assert (counted["total"], counted["answered"], counted["jobs"]) == (1, 1, {"a": {"1": 1}})


def test_calls_in_flight_and_their_peak(simulator: Simulator) -> None:
    """Calls that wait are in flight; when the clients leave they are not, and are unanswered."""
    simulator.set({"fault": "hang"})

    def left() -> None:
        with pytest.raises(requests.Timeout):
            requests.post(
                f"{simulator.url}/v1/chat/completions",
                json={"model": "m", "messages": [{"role": "user"}]},
                timeout=0.4,
            )

    with ThreadPoolExecutor(3) as pool:
        clients = [pool.submit(left) for _ in range(3)]
        assert eventually(lambda: simulator.calls()["in_flight"] == 3)
        for client in clients:
            client.result(TIMEOUT_S)
    assert eventually(lambda: simulator.calls()["in_flight"] == 0)
    counted = simulator.calls()
    assert (counted["in_flight_peak"], counted["answered"], counted["total"]) == (3, 0, 3)


def test_a_reset_forgets_all(simulator: Simulator) -> None:
    """After a reset nothing is counted."""
    simulator.chat(job="a")
    simulator.session.delete(f"{simulator.url}/_simulator/calls", timeout=TIMEOUT_S)
    counted = simulator.calls()
    assert (counted["total"], counted["answered"], counted["jobs"]) == (0, 0, {})


def test_the_count_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest job is forgotten for the newest, and the summary says how many were."""
    monkeypatch.setattr(calls, "JOBS_MAX", 3)
    count = calls.Calls()
    for number in range(5):
        count.begin(f"job_{number}", "1")
    assert list(count.jobs()) == ["job_2", "job_3", "job_4"]
    assert count.summary()["jobs_forgotten"] == 2


def test_calls_from_before_a_reset_are_not_answered_after_it() -> None:
    """A call that began before a reset does not make more answers than calls."""
    count = calls.Calls()
    era = count.begin("a", "1")
    count.reset()
    count.end(era, answered=True)
    assert (count.total, count.answered, count.in_flight) == (0, 0, 0)
