"""What tests read out of messages and their streams."""

import json
from typing import Any

import requests


def text(response: requests.Response) -> str:
    """Return the text of a message, all its blocks together."""
    assert response.status_code == 200, response.text
    content = response.json()["content"]
    return "".join(block["text"] for block in content if block["type"] == "text")


def events(response: requests.Response) -> list[dict[str, Any]]:
    """Return the events of a stream, each of which must be named for its type."""
    parts = response.content.decode().split("\n\n")
    assert parts.pop() == ""
    told = []
    for part in parts:
        name, data = part.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        told.append(event)
    return told


def rebuilt(told: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the message that the events of a stream add up to."""
    message: dict[str, Any] = told[0]["message"]
    for event in told[1:]:
        if event["type"] == "content_block_start":
            assert event["index"] == len(message["content"])
            message["content"].append(event["content_block"])
        elif event["type"] == "content_block_delta":
            _grow(message["content"][event["index"]], event["delta"])
        elif event["type"] == "content_block_stop":
            _close(message["content"][event["index"]])
        elif event["type"] == "message_delta":
            message.update(event["delta"])
            message["usage"].update(event["usage"])
    return message


def _grow(block: dict[str, Any], delta: dict[str, Any]) -> None:
    key = {"input_json_delta": "partial_json"}.get(
        delta["type"], delta["type"].removesuffix("_delta")
    )
    block[key] = block.get(key, "") + delta[key]


def _close(block: dict[str, Any]) -> None:
    if block["type"] == "tool_use":
        block["input"] = json.loads(block.pop("partial_json"))
