"""Streams that break off, in both protocols, and the count of how streams ended."""

import json
from typing import Any

import pytest
import requests

from .running import CHAT, MESSAGES, TIMEOUT_S, Simulator, eventually

PATHS = [CHAT, MESSAGES]
ERRORS = {CHAT: "server_error", MESSAGES: "overloaded_error"}


def parts(response: requests.Response) -> list[bytes]:
    """Return the events of a stream as they were sent, which must all be whole."""
    *events, rest = response.content.split(b"\n\n")
    assert rest == b""
    return events


def opened(simulator: Simulator, path: str) -> requests.Response:
    """Begin a stream without reading it."""
    turns = [{"role": "user", "content": "Explain the tides."}]
    body: dict[str, Any] = {"model": "sim", "max_tokens": 4_000, "stream": True, "messages": turns}
    url = f"{simulator.url}{path}"
    return requests.post(url, json=body, stream=True, timeout=TIMEOUT_S)


def streams(simulator: Simulator) -> Any:
    """Return the count of streams."""
    return simulator.calls(summary="1")["streams"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_stream_ends_after_so_many_events(simulator: Simulator, path: str, after: int) -> None:
    """The events set come as they should, and then the body ends in good order."""
    whole = parts(simulator.ask(path, stream=True))
    simulator.set({"fault": "cut_stream", "after_events": after})
    assert parts(simulator.ask(path, stream=True)) == whole[:after]


@pytest.mark.parametrize("path", PATHS)
def test_an_error_comes_in_the_middle(simulator: Simulator, path: str) -> None:
    """The last event of a stream is an error in the protocol's own form."""
    simulator.set({"fault": "cut_stream", "after_events": 3, "ending": "error", "status": 503})
    *_, last = parts(simulator.ask(path, stream=True))
    name, _, data = last.rpartition(b"data: ")
    assert name == (b"event: error\n" if path == MESSAGES else b"")
    assert json.loads(data)["error"]["type"] == ERRORS[path]


@pytest.mark.parametrize("path", PATHS)
def test_garbage_comes_in_the_middle(simulator: Simulator, path: str) -> None:
    """The last event of a stream is not one."""
    simulator.set({"fault": "cut_stream", "after_events": 3, "ending": "garbage"})
    *_, last = parts(simulator.ask(path, stream=True))
    with pytest.raises(json.JSONDecodeError):
        json.loads(last.rpartition(b"data: ")[2])


@pytest.mark.parametrize("path", PATHS)
def test_the_connection_is_reset_in_the_middle(simulator: Simulator, path: str) -> None:
    """The head of the answer comes, and then the connection breaks."""
    simulator.set({"fault": "cut_stream", "after_events": 3, "ending": "reset"})
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="reset"):
        simulator.ask(path, stream=True)
    assert streams(simulator)["broken"] == 1


@pytest.mark.parametrize("path", PATHS)
def test_a_stream_hangs_until_the_client_leaves(simulator: Simulator, path: str) -> None:
    """What was to come before the hang comes, then nothing; the client's leaving is counted."""
    simulator.set({"fault": "cut_stream", "after_events": 1, "ending": "hang"})
    with opened(simulator, path) as response:
        lines = response.iter_lines(chunk_size=1)
        assert next(line for line in lines if line.startswith(b"data:"))
        assert (streams(simulator)["open"], streams(simulator)["aborted"]) == (1, 0)
    assert eventually(lambda: streams(simulator)["aborted"] == 1)
    counted = simulator.calls()
    assert (counted["aborted"], counted["answered"], counted["in_flight"]) == (1, 0, 0)


@pytest.mark.parametrize("path", PATHS)
def test_a_client_that_leaves_ends_the_stream(simulator: Simulator, path: str) -> None:
    """A stream whose client has left between two events goes no further."""
    simulator.set(latency={"chunk_ms": 300})
    with opened(simulator, path) as response:
        next(response.iter_lines(chunk_size=1))
    assert eventually(lambda: streams(simulator)["aborted"] == 1)
    assert streams(simulator)["open"] == 0


@pytest.mark.parametrize("path", PATHS)
def test_streams_that_end_are_counted(simulator: Simulator, path: str) -> None:
    """Whole streams end, broken ones break, and whole answers are no streams."""
    simulator.set({"fault": "cut_stream", "times": 1})
    for stream in (True, True, True, False):
        simulator.ask(path, stream=stream)
    assert streams(simulator) == {"begun": 3, "ended": 2, "broken": 1, "aborted": 0, "open": 0}


def test_a_client_that_leaves_a_waiting_call_is_counted(simulator: Simulator) -> None:
    """A call left before its answer is aborted, though no stream had begun."""
    simulator.set({"fault": "hang"})
    with pytest.raises(requests.Timeout):
        requests.post(
            f"{simulator.url}{CHAT}",
            json={"model": "m", "messages": [{"role": "user"}], "stream": True},
            timeout=0.2,
        )
    assert eventually(lambda: simulator.calls()["aborted"] == 1)
    assert streams(simulator)["begun"] == 0
