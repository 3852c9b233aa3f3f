"""Chat Completions answers in the documented shapes, and in those other servers are known for."""

from collections.abc import Mapping
from typing import Any, Final

from .recorded import Recorded

HEAD: Final = {"id": "chatcmpl-up", "created": 1_790_000_000, "model": "gpt-up"}
USAGE: Final = {
    "prompt_tokens": 30,
    "completion_tokens": 12,
    "total_tokens": 42,
    "prompt_tokens_details": {"cached_tokens": 10, "audio_tokens": 0, "cache_write_tokens": 5},
    "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
}


def chunk(delta: Mapping[str, Any], finish_reason: str | None = None, **more: Any) -> Any:
    """Return one chunk as the vendor sends it."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason, **more}
    return {**HEAD, "object": "chat.completion.chunk", "choices": [choice], "usage": None}


def usage_chunk(usage: Mapping[str, Any] = USAGE) -> Any:
    """Return the chunk that ends a stream whose usage was asked for."""
    return {**HEAD, "object": "chat.completion.chunk", "choices": [], "usage": usage}


def whole(message: Mapping[str, Any], finish_reason: str, **more: Any) -> Any:
    """Return a completion as the vendor sends it."""
    full = {"role": "assistant", "content": None, "refusal": None, **message}
    choice = {
        "index": 0,
        "message": full,
        "logprobs": None,
        "finish_reason": finish_reason,
        **more,
    }
    return {**HEAD, "object": "chat.completion", "choices": [choice], "usage": USAGE}


def begun(index: int, call_id: str, name: str, arguments: str = "") -> Any:
    """Return the first delta of a call."""
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": index, "id": call_id, "type": "function", **_fn(function)}]}


def argued(index: int, arguments: str) -> Any:
    """Return a later delta of a call."""
    return {"tool_calls": [{"index": index, **_fn({"arguments": arguments})}]}


def called(call_id: str, name: str, arguments: str) -> Any:
    """Return a call as a whole message holds it."""
    return {"id": call_id, "type": "function", **_fn({"name": name, "arguments": arguments})}


def _fn(function: Mapping[str, Any]) -> dict[str, Any]:
    return {"function": function}


ROLE: Final = chunk({"role": "assistant", "content": "", "refusal": None})
PARIS: Final = '{"city": "Paris", "days": 3}'
ROME: Final = '{"city": "Rome"}'

CHAT: Final[Mapping[str, Recorded]] = {
    "text": Recorded(
        stream=[
            ROLE,
            chunk({"content": "Hel"}),
            chunk({"content": "lo, wörld"}),
            chunk({}, "stop"),
            usage_chunk(),
        ],
        whole=whole({"content": "Hello, wörld"}, "stop"),
    ),
    "cut short": Recorded(
        stream=[ROLE, chunk({"content": "Once upon"}), chunk({}, "length"), usage_chunk()],
        whole=whole({"content": "Once upon"}, "length"),
    ),
    "stop sequence told by vLLM": Recorded(
        stream=[
            ROLE,
            chunk({"content": "1 2 3"}),
            chunk({}, "stop", stop_reason="END"),
            usage_chunk(),
        ],
        whole=whole({"content": "1 2 3"}, "stop", stop_reason="END"),
    ),
    "one tool": Recorded(
        stream=[
            chunk({"role": "assistant", "content": None, **begun(0, "call_1", "weather")}),
            chunk(argued(0, '{"city": "Pa')),
            chunk(argued(0, 'ris", "days": 3}')),
            chunk({}, "tool_calls"),
            usage_chunk(),
        ],
        whole=whole({"tool_calls": [called("call_1", "weather", PARIS)]}, "tool_calls"),
    ),
    "text and parallel tools": Recorded(
        stream=[
            ROLE,
            chunk({"content": "Let me look."}),
            chunk(begun(0, "call_1", "weather")),
            chunk(argued(0, PARIS)),
            chunk(begun(1, "call_2", "weather")),
            chunk(argued(1, '{"city"')),
            chunk(argued(1, ': "Rome"}')),
            chunk({}, "tool_calls"),
            usage_chunk(),
        ],
        whole=whole(
            {
                "content": "Let me look.",
                "tool_calls": [
                    called("call_1", "weather", PARIS),
                    called("call_2", "weather", ROME),
                ],
            },
            "tool_calls",
        ),
    ),
    "parallel tools whose pieces take turns": Recorded(
        stream=[
            ROLE,
            chunk(begun(0, "call_1", "weather", '{"city": ')),
            chunk(begun(1, "call_2", "weather", '{"ci')),
            chunk(argued(0, '"Paris", "days"')),
            chunk(argued(1, 'ty": "Rome"}')),
            chunk(argued(0, ": 3}")),
            chunk({}, "tool_calls"),
            usage_chunk(),
        ],
        whole=whole(
            {
                "tool_calls": [
                    called("call_1", "weather", PARIS),
                    called("call_2", "weather", ROME),
                ]
            },
            "tool_calls",
        ),
    ),
    "tools without arguments, and stop as the reason": Recorded(
        stream=[
            ROLE,
            chunk(begun(0, "call_1", "now")),
            chunk(begun(1, "call_2", "here", "{}")),
            chunk({}, "stop"),
            usage_chunk(),
        ],
        whole=whole(
            {"tool_calls": [called("call_1", "now", ""), called("call_2", "here", "{}")]}, "stop"
        ),
    ),
    "calls that all have the index 0": Recorded(
        stream=[
            ROLE,
            chunk(begun(0, "call_1", "weather", PARIS)),
            chunk(begun(0, "call_2", "weather", ROME)),
            chunk({}, "tool_calls"),
            usage_chunk(),
        ],
        whole=whole(
            {
                "tool_calls": [
                    called("call_1", "weather", PARIS),
                    called("call_2", "weather", ROME),
                ]
            },
            "tool_calls",
        ),
    ),
    "calls without an index": Recorded(
        stream=[
            chunk({"role": "assistant", "tool_calls": [called("a", "weather", PARIS)]}),
            chunk({"tool_calls": [called("b", "weather", ROME)]}),
            chunk({}, "stop"),
            usage_chunk(),
        ],
        whole=whole(
            {"tool_calls": [called("a", "weather", PARIS), called("b", "weather", ROME)]},
            "stop",
        ),
    ),
    "a call cut short": Recorded(
        stream=[
            ROLE,
            chunk(begun(0, "call_1", "weather")),
            chunk(argued(0, '{"city": "Pa')),
            chunk({}, "length"),
            usage_chunk(),
        ],
        whole=whole({"tool_calls": [called("call_1", "weather", '{"city": "Pa')]}, "length"),
    ),
    "reasoning": Recorded(
        stream=[
            ROLE,
            chunk({"reasoning_content": "Two and "}),
            chunk({"reasoning_content": "two."}),
            chunk({"content": "4"}),
            chunk({}, "stop"),
            usage_chunk(),
        ],
        whole=whole({"content": "4", "reasoning_content": "Two and two."}, "stop"),
    ),
    "refusal": Recorded(
        stream=[
            ROLE,
            chunk({"refusal": "I can"}),
            chunk({"refusal": "not."}),
            chunk({}, "stop"),
            usage_chunk(),
        ],
        whole=whole({"refusal": "I cannot."}, "stop"),
    ),
    "content filter": Recorded(
        stream=[ROLE, chunk({"content": "Well"}), chunk({}, "content_filter"), usage_chunk()],
        whole=whole({"content": "Well"}, "content_filter"),
    ),
    "usage with the last choice": Recorded(
        stream=[ROLE, chunk({"content": "Hi"}), {**chunk({}, "stop"), "usage": USAGE}],
        whole=whole({"content": "Hi"}, "stop"),
    ),
    "nothing said": Recorded(
        stream=[ROLE, chunk({}, "stop"), usage_chunk()], whole=whole({"content": ""}, "stop")
    ),
}
