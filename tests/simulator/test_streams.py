"""Answers as streams of events."""

import json
import socket
import time
from typing import Any

from openai import OpenAI

from .running import Simulator, frames, said

TOOL = {"type": "function", "function": {"name": "plant", "parameters": {"type": "object"}}}


def contents(chunks: list[dict[str, Any]], index: int = 0) -> str:
    """Return the text that the chunks of one choice add up to."""
    return "".join(
        choice["delta"].get("content") or ""
        for chunk in chunks
        for choice in chunk["choices"]
        if choice["index"] == index
    )


def test_a_stream_says_what_the_whole_answer_says(simulator: Simulator) -> None:
    """The pieces of a stream add up to the answer given without one, for every choice."""
    whole = simulator.chat(n=2).json()["choices"]
    chunks = frames(simulator.chat(n=2, stream=True))
    assert [contents(chunks, index) for index in (0, 1)] == [
        choice["message"]["content"] for choice in whole
    ]


def test_a_stream_begins_with_the_role_and_ends_with_the_reason(simulator: Simulator) -> None:
    """The role comes first and once, the reason last and once, and then `[DONE]`."""
    response = simulator.chat(stream=True)
    choices = [chunk["choices"][0] for chunk in frames(response)]
    assert response.headers["Content-Type"] == "text/event-stream"
    assert choices[0]["delta"]["role"] == "assistant"
    assert [one["finish_reason"] for one in choices] == [None] * (len(choices) - 1) + ["stop"]
    assert response.content.endswith(b"\n\ndata: [DONE]\n\n")


def test_chunks_belong_together(simulator: Simulator) -> None:
    """Id, time and model are the same on every chunk."""
    chunks = frames(simulator.chat(stream=True, stream_options={"include_usage": True}))
    assert len({(one["id"], one["created"], one["model"]) for one in chunks}) == 1
    assert {one["object"] for one in chunks} == {"chat.completion.chunk"}


def test_usage_comes_last_where_it_was_asked_for(simulator: Simulator) -> None:
    """The last chunk has no choices and the usage of the whole answer; before, usage is null."""
    usage = simulator.chat().json()["usage"]
    *before, last = frames(simulator.chat(stream=True, stream_options={"include_usage": True}))
    assert (last["choices"], last["usage"]) == ([], usage)
    assert all("usage" in one and one["usage"] is None for one in before)


def test_usage_is_left_out_where_it_was_not_asked_for(simulator: Simulator) -> None:
    """No chunk speaks of usage, and none is without choices."""
    chunks = frames(simulator.chat(stream=True))
    assert all("usage" not in one and one["choices"] for one in chunks)


def test_a_tool_call_comes_in_fragments(simulator: Simulator) -> None:
    """Id and name come once, and the fragments of the arguments add up to the whole ones."""
    fields: dict[str, Any] = {"tools": [TOOL], "tool_choice": "required"}
    whole = simulator.chat(**fields).json()["choices"][0]["message"]["tool_calls"][0]
    deltas = [one["choices"][0]["delta"] for one in frames(simulator.chat(stream=True, **fields))]
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert [call["id"] for call in calls if "id" in call] == [whole["id"]]
    added = "".join(call["function"].get("arguments", "") for call in calls)
    assert added == whole["function"]["arguments"]


def test_the_official_client_reads_the_stream(simulator: Simulator) -> None:
    """The vendor's own client gets the same text out of a stream as out of a whole answer."""
    with (
        OpenAI(api_key="any", base_url=f"{simulator.url}/v1", max_retries=0) as client,
        client.chat.completions.create(
            model="sim", messages=[{"role": "user", "content": "Explain the tides."}], stream=True
        ) as stream,
    ):
        text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == said(simulator.chat())


def test_chunks_are_as_far_apart_as_they_were_set(simulator: Simulator) -> None:
    """Chunks reach the client one by one, with the set time between them."""
    simulator.set(latency={"chunk_ms": 20})
    body = json.dumps({"model": "sim", "stream": True, "messages": [{"role": "user"}]})
    host, port = simulator.url.removeprefix("http://").split(":")
    arrivals = []
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        received = b""
        while b"[DONE]" not in received:
            received += connection.recv(65_536)
            arrivals.append(time.monotonic())
    assert received.count(b"data: ") >= 5
    assert arrivals[-1] - arrivals[0] >= 0.02 * (received.count(b"data: ") - 1)
