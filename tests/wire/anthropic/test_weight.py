"""What a bound of a messages prompt is made of."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.pricing import TOKENS_PER_MESSAGE, input_bound
from app.wire.anthropic.weight import extras, prompt

CONTEXT = 1_000_000
TEXT = {"type": "text", "text": "look"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 99}}
PDF = {
    "type": "document",
    "source": {"type": "base64", "media_type": "application/pdf", "data": "A"},
}
LONG = "x" * 500

texts = st.text(max_size=40)


def bound(*contents: Any, **fields: Any) -> int:
    """Return the bound of a request whose messages have these contents."""
    messages = [{"role": "user", "content": content} for content in contents]
    body = {"model": "m", "messages": messages, **fields}
    return input_bound(prompt(body), extras(body), context_tokens=CONTEXT)


def weighs(more: int, less: int, text: str) -> bool:
    """True when the difference is the text and the marks around it, and little more."""
    return len(text.encode()) <= more - less <= len(text.encode()) + 200


@given(st.lists(texts, max_size=5))
def test_a_prompt_never_has_more_tokens_than_its_bound(contents: list[str]) -> None:
    """Text counts with its UTF-8 bytes, and each message with what a template adds."""
    needed = sum(len(text.encode()) + TOKENS_PER_MESSAGE for text in contents)
    assert bound(*contents) >= needed


@given(st.lists(texts, min_size=1, max_size=5))
def test_text_in_blocks_weighs_no_less(contents: list[str]) -> None:
    """A message in blocks is bounded by the text of all of them."""
    blocks = [{"type": "text", "text": text} for text in contents]
    assert bound(blocks) >= bound("".join(contents))


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": LONG, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": LONG, "citations": None},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"deep": [{"q": LONG}]}},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"type": "image", "source": LONG}},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"source": {"type": LONG}}},
        {"type": "server_tool_use", "id": "t", "name": "web_search", "input": {"query": LONG}},
        {"type": "tool_result", "tool_use_id": "t", "content": LONG},
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": LONG}]},
        {"type": "thinking", "thinking": LONG, "signature": ""},
        {"type": "thinking", "thinking": "", "signature": LONG},
        {"type": "redacted_thinking", "data": LONG},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "t",
            "content": [{"type": "web_search_result", "url": "u", "encrypted_content": LONG}],
        },
        {
            "type": "search_result",
            "source": "https://example.com",
            "title": "t",
            "content": [{"type": "text", "text": LONG}],
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": LONG}},
        {"type": "document", "source": {"type": "content", "content": [TEXT, {**TEXT, "x": LONG}]}},
        {"type": "of_next_year", "parts": [{"type": "other", "said": LONG}]},
        {"said": LONG},
    ],
    ids=lambda block: str(block)[:60],
)
def test_what_is_text_is_weighed_as_text(block: dict[str, Any]) -> None:
    """Blocks whose bytes bound their tokens count with those, and never as the whole context."""
    assert weighs(bound([TEXT, block]), bound([TEXT]), LONG)


@pytest.mark.parametrize(
    "block",
    [
        IMAGE,
        PDF,
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "image"},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "container_upload", "file_id": "file_1"},
        {"type": "of_next_year", "source": {"type": "base64", "data": "A"}},
        {"type": "tool_result", "tool_use_id": "t", "content": [TEXT, IMAGE]},
        {"type": "document", "source": {"type": "content", "content": [IMAGE]}},
        {"type": "web_fetch_tool_result", "content": {"type": "web_fetch_result", "content": PDF}},
        {"type": "of_next_year", "parts": [{"type": "other", "inside": [IMAGE]}]},
    ],
    ids=lambda block: str(block)[:60],
)
def test_what_is_no_text_is_weighed_as_the_whole_context(block: dict[str, Any]) -> None:
    """Images and documents, wherever they stand, are of unknown size."""
    assert bound([TEXT, block]) == CONTEXT


@pytest.mark.parametrize("system", [LONG, [{"type": "text", "text": LONG}]])
def test_the_system_prompt_counts(system: object) -> None:
    """It is a part of the prompt, as text or in blocks."""
    assert weighs(bound("hi", system=system), bound("hi"), LONG)


def test_what_else_a_message_holds_counts() -> None:
    """A name, or a key nobody has heard of, weighs what it has."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi", "x": LONG}]}
    heavy = input_bound(prompt(body), extras(body), context_tokens=CONTEXT)
    assert weighs(heavy, bound("hi"), LONG)


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"name": "f", "description": LONG, "input_schema": {"type": "object"}}]},
        {"tools": [{"name": "f", "type": "custom", "description": LONG, "defer_loading": True}]},
        {"tools": [{"name": "t", "type": "tool_search_tool_regex_20251119", "x": LONG}]},
        {"tool_choice": {"type": "tool", "name": LONG}},
        {"output_config": {"format": {"type": "json_schema", "schema": {"title": LONG}}}},
        {"of_next_year": {"said": LONG}},
    ],
    ids=lambda fields: str(fields)[:60],
)
def test_what_stands_beside_the_messages_counts(fields: dict[str, Any]) -> None:
    """Tools, schemas and fields nobody knows count with the bytes of their JSON."""
    assert weighs(bound("hi", **fields), bound("hi"), LONG)


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [{"type": "computer_20250124", "name": "computer"}]},
        {"tools": [{"type": 5, "name": "f"}]},
        {"mcp_servers": [{"type": "url", "url": "https://example.com"}]},
        {"container": {"skills": [{"type": "anthropic", "skill_id": "pptx"}]}},
    ],
    ids=str,
)
def test_what_a_provider_adds_by_itself_is_of_unknown_size(fields: dict[str, Any]) -> None:
    """Tools that run at the provider put pages of their own into the prompt."""
    assert bound("hi", **fields) == CONTEXT


def test_what_is_never_a_prompt_weighs_nothing() -> None:
    """Settings and what a client says of itself are no tokens."""
    settings = {
        "max_tokens": 9,
        "metadata": {"user_id": LONG},
        "stop_sequences": [LONG],
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": []},
        "cache_control": {"type": "ephemeral"},
        "tools": None,
        "mcp_servers": [],
    }
    assert bound("hi", **settings) == bound("hi")


def test_an_agents_prompt_is_bounded_by_little_more_than_its_bytes() -> None:
    """Twenty thousand bytes of tools, calls and results come to about as many tokens at most."""
    call = {"type": "tool_use", "id": "t", "name": "Read", "input": {"path": "a/b"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x"}]}
    tools = [{"name": f"tool_{n}", "description": LONG, "input_schema": {}} for n in range(20)]
    size = len(json.dumps([[[call], [result]] * 50, tools]))
    assert size <= bound(*[[call], [result]] * 50, tools=tools) <= 1.3 * size
