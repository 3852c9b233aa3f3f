"""Messages answers in the documented shapes."""

from collections.abc import Mapping
from typing import Any, Final

from .recorded import Recorded

BEFORE: Final = {
    "input_tokens": 15,
    "cache_creation_input_tokens": 5,
    "cache_read_input_tokens": 10,
    "output_tokens": 1,
    "service_tier": "standard",
}
AFTER: Final = {"output_tokens": 12, "output_tokens_details": {"thinking_tokens": 4}}
USAGE: Final = {**BEFORE, **AFTER}
SIGNED: Final = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pk"


def started() -> Any:
    """Return the first event of a stream."""
    return {"type": "message_start", "message": {**message([], None), "usage": BEFORE}}


def message(content: list[Any], stop_reason: str | None, **more: Any) -> Any:
    """Return a message as the vendor sends it."""
    return {
        "id": "msg_up",
        "type": "message",
        "role": "assistant",
        "model": "claude-up",
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": USAGE,
        **more,
    }


def block(index: int, start: Mapping[str, Any], *deltas: Mapping[str, Any]) -> list[Any]:
    """Return the events of one block."""
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *pieces: str) -> list[Any]:
    """Return the events of a block of text."""
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return block(index, {"type": "text", "text": ""}, *deltas)


def call(index: int, call_id: str, name: str, *pieces: str) -> list[Any]:
    """Return the events of a call."""
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    start = {"type": "tool_use", "id": call_id, "name": name, "input": {}}
    return block(index, start, *deltas)


def used(call_id: str, name: str, given: Mapping[str, Any]) -> Any:
    """Return a call as a whole message holds it."""
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def ended(stop_reason: str, **more: Any) -> Any:
    """Return the event that says why a message ended."""
    delta = {"stop_reason": stop_reason, "stop_sequence": None, **more}
    return {"type": "message_delta", "delta": delta, "usage": AFTER}


STOP: Final[dict[str, Any]] = {"type": "message_stop"}
PING: Final[dict[str, Any]] = {"type": "ping"}
CITED: Final = {
    "type": "web_search_result_location",
    "url": "https://example.com/",
    "title": "Example",
    "encrypted_index": "Eo8B",
    "cited_text": "It rains.",
}
SEARCH: Final = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [{"type": "web_search_result", "url": "https://example.com/", "title": "Example"}],
}
DECLINED: Final = {"type": "refusal", "category": "bio", "explanation": "I cannot help with that."}

MESSAGES: Final[Mapping[str, Recorded]] = {
    "text": Recorded(
        stream=[started(), PING, *text(0, "Hel", "lo, wörld"), ended("end_turn"), STOP],
        whole=message([{"type": "text", "text": "Hello, wörld"}], "end_turn"),
    ),
    "cut short": Recorded(
        stream=[started(), *text(0, "Once upon"), ended("max_tokens"), STOP],
        whole=message([{"type": "text", "text": "Once upon"}], "max_tokens"),
    ),
    "stop sequence": Recorded(
        stream=[started(), *text(0, "1 2"), ended("stop_sequence", stop_sequence="END"), STOP],
        whole=message([{"type": "text", "text": "1 2"}], "stop_sequence", stop_sequence="END"),
    ),
    "one tool": Recorded(
        stream=[
            started(),
            *call(0, "toolu_1", "weather", "", '{"city": "Pa', 'ris", "days": 3}'),
            ended("tool_use"),
            STOP,
        ],
        whole=message([used("toolu_1", "weather", {"city": "Paris", "days": 3})], "tool_use"),
    ),
    "text and parallel tools": Recorded(
        stream=[
            started(),
            *text(0, "Let me ", "look."),
            *call(1, "toolu_1", "weather", '{"city":"Paris"}'),
            *call(2, "toolu_2", "weather", '{"city"', ':"Rome"}'),
            ended("tool_use"),
            STOP,
        ],
        whole=message(
            [
                {"type": "text", "text": "Let me look."},
                used("toolu_1", "weather", {"city": "Paris"}),
                used("toolu_2", "weather", {"city": "Rome"}),
            ],
            "tool_use",
        ),
    ),
    "a tool without arguments": Recorded(
        stream=[started(), *call(0, "toolu_1", "now", ""), ended("tool_use"), STOP],
        whole=message([used("toolu_1", "now", {})], "tool_use"),
    ),
    "thinking": Recorded(
        stream=[
            started(),
            *block(
                0,
                {"type": "thinking", "thinking": "", "signature": ""},
                {"type": "thinking_delta", "thinking": "Two and "},
                {"type": "thinking_delta", "thinking": "two."},
                {"type": "signature_delta", "signature": SIGNED},
            ),
            *block(1, {"type": "redacted_thinking", "data": "EmwKAhgB"}),
            *text(2, "4"),
            ended("end_turn"),
            STOP,
        ],
        whole=message(
            [
                {"type": "thinking", "thinking": "Two and two.", "signature": SIGNED},
                {"type": "redacted_thinking", "data": "EmwKAhgB"},
                {"type": "text", "text": "4"},
            ],
            "end_turn",
        ),
    ),
    "refusal": Recorded(
        stream=[
            started(),
            *text(0, "Well"),
            ended("refusal", stop_details=DECLINED),
            STOP,
        ],
        whole=message([{"type": "text", "text": "Well"}], "refusal", stop_details=DECLINED),
    ),
    "web search with citations": Recorded(
        stream=[
            started(),
            *block(
                0,
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
                {"type": "input_json_delta", "partial_json": '{"query":"rain"}'},
            ),
            *block(1, SEARCH),
            *block(
                2,
                {"type": "text", "text": "", "citations": []},
                {"type": "citations_delta", "citation": CITED},
                {"type": "text_delta", "text": "It rains."},
            ),
            *text(3, " Still."),
            ended("end_turn"),
            STOP,
        ],
        whole=message(
            [
                {
                    "type": "server_tool_use",
                    "id": "srvtoolu_1",
                    "name": "web_search",
                    "input": {"query": "rain"},
                },
                SEARCH,
                {"type": "text", "text": "It rains.", "citations": [CITED]},
                {"type": "text", "text": " Still."},
            ],
            "end_turn",
        ),
    ),
    "nothing said": Recorded(
        stream=[started(), ended("end_turn"), STOP], whole=message([], "end_turn")
    ),
}
