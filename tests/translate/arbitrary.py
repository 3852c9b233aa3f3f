"""JSON as arbitrary clients and servers send it: the right words in the wrong places."""

import json
from typing import Any

from hypothesis import strategies as st

NAMES = [
    *("id", "type", "role", "content", "text", "index", "name", "input", "model", "messages"),
    *("choices", "delta", "message", "tool_calls", "function", "arguments", "finish_reason"),
    *("usage", "prompt_tokens", "completion_tokens", "prompt_tokens_details", "cached_tokens"),
    *("reasoning_content", "refusal", "function_call", "logprobs", "service_tier", "stop_reason"),
    *("content_block", "partial_json", "thinking", "signature", "data", "stop_sequence"),
    *("stop_details", "explanation", "citations", "citation", "input_tokens", "output_tokens"),
    *("system", "tools", "tool_choice", "input_schema", "parameters", "custom", "source", "url"),
    *("media_type", "image_url", "file", "file_data", "filename", "title", "tool_use_id"),
    *("tool_call_id", "is_error", "tool_name", "tool_references", "defer_loading", "schema"),
    *("response_format", "json_schema", "output_config", "output_format", "format", "effort"),
    *("reasoning_effort", "budget_tokens", "metadata", "user_id", "user", "stop", "temperature"),
    *("top_p", "max_tokens", "max_completion_tokens", "stop_sequences", "allowed_tools", "error"),
    *("parallel_tool_calls", "properties", "required", "functions", "created", "stream", "mode"),
]
WORDS = [
    *("text", "tool_use", "tool_result", "image", "document", "thinking", "redacted_thinking"),
    *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
    *("message_delta", "message_stop", "text_delta", "input_json_delta", "thinking_delta"),
    *("citations_delta", "signature_delta", "user", "assistant", "system", "developer", "tool"),
    *("function", "base64", "url", "content", "file", "image_url", "custom", "stop", "length"),
    *("auto", "any", "none", "required", "allowed_tools", "json_schema", "json_object", "object"),
    *("enabled", "adaptive", "disabled", "low", "data:image/png;base64,AA==", "data:;,", "{}"),
    *("https://a.test/", "end_turn", "refusal", "tool_reference", "search_result", '{"a": 1}'),
]

words = st.sampled_from(WORDS) | st.text(max_size=4)
numbers = st.integers(-2, 3) | st.floats(allow_nan=True) | st.integers()
leaves = st.none() | st.booleans() | numbers | words
names = st.sampled_from(NAMES)
values: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
    max_leaves=8,
)
objects = st.dictionaries(names, values, max_size=8)

blocks = st.lists(
    st.fixed_dictionaries({"type": words}, optional=dict.fromkeys(NAMES[2:20], values))
)
messages = st.fixed_dictionaries({"role": words, "content": st.text(max_size=5) | blocks | values})
requests = st.builds(
    lambda fields, turns: {**fields, "messages": turns},
    objects,
    st.lists(messages | objects, max_size=5) | values,
)

deltas = st.fixed_dictionaries(
    {},
    optional={
        "content": words | values,
        "reasoning_content": words,
        "refusal": words,
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "index": st.integers(0, 2) | values,
                    "id": words | values,
                    "function": objects,
                },
            )
            | values,
            max_size=3,
        ),
    },
)
choices = st.fixed_dictionaries(
    {"index": st.just(0) | values, "delta": deltas | values, "message": deltas | values},
    optional={"finish_reason": words | values, "logprobs": values, "stop_reason": values},
)
chunks = st.fixed_dictionaries(
    {"choices": st.lists(choices | values, max_size=2) | values},
    optional={"usage": objects | values, "service_tier": values, "created": values},
)
events = st.fixed_dictionaries(
    {"type": st.sampled_from(WORDS[7:17]) | values},
    optional={
        "index": st.integers(0, 2) | values,
        "message": objects | values,
        "content_block": st.fixed_dictionaries({"type": words, "input": values, "name": words})
        | objects
        | values,
        "delta": st.fixed_dictionaries(
            {"type": words},
            optional={"text": words, "partial_json": words, "stop_reason": words, "x": values},
        )
        | objects
        | values,
        "usage": objects | values,
    },
)
upstream = st.lists(chunks | events | objects, max_size=10)
answers = chunks | objects | st.fixed_dictionaries({"content": blocks | values})

safe = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
arguments = st.dictionaries(
    safe,
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | safe,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(safe, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[str], list[tuple[int, str]]]:
    """Return the arguments of some calls, and their pieces in turns, in order for each call."""
    written = [json.dumps(each) for each in draw(st.lists(arguments, min_size=1, max_size=4))]
    left = dict(enumerate(written))
    pieces: list[tuple[int, str]] = []
    while left:
        call = draw(st.sampled_from(sorted(left)))
        size = draw(st.integers(1, max(1, len(left[call]))))
        pieces.append((call, left[call][:size]))
        left[call] = left[call][size:]
        if not left[call]:
            del left[call]
    return written, pieces
