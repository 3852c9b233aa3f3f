"""Messages requests for a chat upstream."""

import hashlib
import json
from typing import Any

import pytest

from app.translate import Dialect, request

PNG = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
PNG_URL = "data:image/png;base64,iVBORw0KGgo="
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
TOOL = {
    "name": "weather",
    "description": "Tells the weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
FUNCTION = {
    "name": "weather",
    "description": "Tells the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CLOSED = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


def asked(*messages: Any, **more: Any) -> dict[str, Any]:
    """Return the chat request for a Messages one."""
    body = {"model": "m", "max_tokens": 100, "messages": list(messages), **more}
    return request(body, Dialect.MESSAGES, Dialect.CHAT, reasoning=True)


def user(*blocks: Any) -> dict[str, Any]:
    """Return a user's turn."""
    return {"role": "user", "content": list(blocks)}


def said(text: str) -> dict[str, Any]:
    """Return a text block."""
    return {"type": "text", "text": text}


def result(tool_use_id: str, content: Any, **more: Any) -> dict[str, Any]:
    """Return a result block."""
    return {"type": "tool_result", "tool_use_id": tool_use_id, "content": content, **more}


HI = {"role": "user", "content": "Hi"}


def test_a_plain_request() -> None:
    """Text, limit and sampling go over as they are; what chat does not know is dropped."""
    body = asked(
        HI,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop_sequences=["END", "STOP"],
        stream=True,
        context_management={"edits": []},
        cache_control={"type": "ephemeral"},
    )
    assert body == {
        "model": "m",
        "messages": [HI],
        "max_completion_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["END", "STOP"],
        "stream": True,
    }


@pytest.mark.parametrize(
    "system",
    [
        "Be brief.",
        [said("Be brief.")],
        [said("x-anthropic-billing-header: cc_version=2.1.330;"), said("Be brief.")],
        "x-anthropic-billing-header: cc_version=2.1.330;\nBe brief.",
    ],
)
def test_the_system_prompt_is_the_first_message(system: Any) -> None:
    """Claude Code's note to its vendor is no part of it."""
    assert asked(HI, system=system)["messages"] == [{"role": "system", "content": "Be brief."}, HI]


@pytest.mark.parametrize("role", ["system", "developer"])
def test_system_messages_are_folded_into_the_prompt(role: str) -> None:
    """System messages at any place, text or blocks, join the system prompt in order."""
    body = asked(
        HI,
        {"role": role, "content": "Two."},
        {"role": "assistant", "content": "Hello"},
        {"role": role, "content": [{**said("Three."), "cache_control": {"type": "ephemeral"}}]},
        HI,
        system="One.",
    )
    assert body["messages"] == [
        {"role": "system", "content": "One.\n\nTwo.\n\nThree."},
        HI,
        {"role": "assistant", "content": "Hello"},
        HI,
    ]


def test_a_request_without_system_has_no_system_message() -> None:
    """An empty prompt is none."""
    assert [each["role"] for each in asked(HI, system="")["messages"]] == ["user"]


def test_texts_of_a_turn_are_one_text() -> None:
    """Servers that take only strings are given one."""
    assert asked(user(said("a"), said("b")))["messages"][0]["content"] == "a\n\nb"


@pytest.mark.parametrize(
    ("source", "url"),
    [(PNG, PNG_URL), ({"type": "url", "url": "https://a.test/b.png"}, "https://a.test/b.png")],
)
def test_images_become_urls(source: Any, url: str) -> None:
    """Bytes become a data URL, a URL stays one; the order of parts is kept."""
    body = asked(user(said("What?"), {"type": "image", "source": source}, said("Well?")))
    assert body["messages"][0]["content"] == [
        said("What?"),
        {"type": "image_url", "image_url": {"url": url}},
        said("Well?"),
    ]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (
            {"type": "document", "source": PDF, "title": "a.pdf"},
            {
                "type": "file",
                "file": {
                    "filename": "a.pdf",
                    "file_data": "data:application/pdf;base64,JVBERi0=",
                },
            },
        ),
        (
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "Long ago"},
                "title": "Tale",
                "context": "A tale.",
            },
            said("Tale\nA tale.\n\nLong ago"),
        ),
        (
            {"type": "document", "source": {"type": "content", "content": [said("a"), said("b")]}},
            said("a\n\nb"),
        ),
        (
            {"type": "document", "source": {"type": "url", "url": "https://a.test/b.pdf"}},
            said("https://a.test/b.pdf"),
        ),
        (
            {
                "type": "search_result",
                "title": "T",
                "source": "https://a.test",
                "content": [said("c")],
            },
            said("T\nhttps://a.test\nc"),
        ),
        (
            {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
            said("[image omitted: not supported here]"),
        ),
        (
            {"type": "container_upload", "file_id": "file_1"},
            said("[container_upload omitted: not supported here]"),
        ),
    ],
)
def test_other_blocks_become_parts_or_words(block: Any, part: Any) -> None:
    """Documents become files or text; where nothing can stand, words say so."""
    image = {"type": "image", "source": PNG}
    assert asked(user(image, block))["messages"][0]["content"][1:] == [part]


def test_calls_and_results_alternate() -> None:
    """Parallel calls are one message, their results one each, and the text comes behind them."""
    body = asked(
        HI,
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                said("Let me look."),
                {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Köln"}},
                {"type": "tool_use", "id": "b", "name": "now", "input": {}},
            ],
        },
        user(
            result("a", "Rain", cache_control={"type": "ephemeral"}),
            result("b", [said("12"), said("noon")]),
            said("And now?"),
        ),
    )
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [
                {
                    "id": "a",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Köln"}'},
                },
                {"id": "b", "type": "function", "function": {"name": "now", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": "Rain"},
        {"role": "tool", "tool_call_id": "b", "content": "12\n\nnoon"},
        {"role": "user", "content": "And now?"},
    ]


def test_a_result_alone_makes_no_empty_user_message() -> None:
    """Nothing follows the results when the user says nothing."""
    assert [each["role"] for each in asked(user(result("a", "ok")))["messages"]] == ["tool"]


def test_a_failed_result_says_so() -> None:
    """Chat has no flag for it, so the text has."""
    [told] = asked(user(result("a", "no such file", is_error=True)))["messages"]
    assert told["content"] == "Error: no such file"


def test_a_result_without_content_is_empty() -> None:
    """A tool may return nothing."""
    [told] = asked(user({"type": "tool_result", "tool_use_id": "a"}))["messages"]
    assert told == {"role": "tool", "tool_call_id": "a", "content": ""}


def test_images_of_a_result_follow_in_the_users_message() -> None:
    """Tool messages hold text only: an image is attached behind all of them, under its call."""
    image = {"type": "image", "source": PNG}
    body = asked(user(result("a", [said("Shot"), image]), result("b", [image]), said("See?")))
    part = {"type": "image_url", "image_url": {"url": PNG_URL}}
    assert body["messages"] == [
        {"role": "tool", "tool_call_id": "a", "content": "Shot"},
        {
            "role": "tool",
            "tool_call_id": "b",
            "content": "The result is attached to the next message.",
        },
        {
            "role": "user",
            "content": [
                said("Attached to the result of a:"),
                part,
                said("Attached to the result of b:"),
                part,
                said("See?"),
            ],
        },
    ]


def test_a_turn_of_thoughts_alone_is_left_out() -> None:
    """An assistant's message with neither text nor calls would be refused."""
    thought = {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "x"}]}
    assert asked(HI, thought, HI)["messages"] == [HI, HI]


def test_a_prefill_stays_the_last_message() -> None:
    """Servers that can continue it find it there."""
    prefill = {"role": "assistant", "content": "The best answer is ("}
    assert asked(HI, prefill)["messages"][-1] == prefill


def test_tools_are_functions() -> None:
    """Name, description, schema and strictness go over; hints for the vendor do not."""
    body = asked(HI, tools=[{**TOOL, "strict": True, "cache_control": {}, "input_examples": []}])
    assert body["tools"] == [{"type": "function", "function": {**FUNCTION, "strict": True}}]
    assert "tool_choice" not in body


def test_tools_only_the_vendor_has_are_dropped() -> None:
    """Server tools have no schema, placeholders are for nobody, and a choice of them goes too."""
    tools = [
        {"type": "web_search_20260318", "name": "web_search"},
        {"type": "bash_20250124", "name": "bash"},
        {**TOOL, "name": "DeferredToolPlaceholder", "defer_loading": True},
    ]
    for choice in ({"type": "any"}, {"type": "tool", "name": "bash"}):
        body = asked(HI, tools=tools, tool_choice=choice)
        assert not body.keys() & {"tools", "tool_choice", "parallel_tool_calls"}


def test_a_choice_of_a_dropped_tool_is_dropped() -> None:
    """The tools that are left may be called freely."""
    tools = [TOOL, {"type": "bash_20250124", "name": "bash"}]
    body = asked(HI, tools=tools, tool_choice={"type": "tool", "name": "bash"})
    assert len(body["tools"]) == 1
    assert "tool_choice" not in body


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "tool_reference", "tool_name": "weather"}],
        {
            "type": "tool_search_tool_search_result",
            "tool_references": [{"type": "tool_reference", "tool_name": "weather"}],
        },
    ],
)
def test_deferred_tools_are_offered_once_they_were_found(content: Any) -> None:
    """A tool search in the conversation brings up the tools it names."""
    body = asked(HI, user(result("a", content)), tools=[{**TOOL, "defer_loading": True}])
    assert [tool["function"]["name"] for tool in body["tools"]] == ["weather"]


@pytest.mark.parametrize(
    ("choice", "expected", "parallel"),
    [
        ({"type": "auto"}, "auto", None),
        ({"type": "any"}, "required", None),
        ({"type": "none"}, "none", None),
        (
            {"type": "tool", "name": "weather"},
            {"type": "function", "function": {"name": "weather"}},
            None,
        ),
        ({"type": "auto", "disable_parallel_tool_use": True}, "auto", False),
        ({"type": "any", "disable_parallel_tool_use": False}, "required", None),
    ],
)
def test_tool_choices(choice: Any, expected: Any, parallel: object) -> None:
    """Each choice has its counterpart, and parallel calls their own field."""
    body = asked(HI, tools=[TOOL], tool_choice=choice)
    assert (body["tool_choice"], body.get("parallel_tool_calls")) == (expected, parallel)


@pytest.mark.parametrize("field", ["output_config", "output_format"])
def test_a_schema_for_the_answer(field: str) -> None:
    """Both spellings of a schema become a response format."""
    wanted = {"type": "json_schema", "schema": CLOSED}
    more = {field: {"format": wanted} if field == "output_config" else wanted}
    assert asked(HI, **more)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": CLOSED, "strict": True},
    }


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {**CLOSED, "required": []},
        {**CLOSED, "additionalProperties": True},
        {**CLOSED, "properties": {"a": {"type": ["object", "null"]}}},
        {**CLOSED, "$defs": {"b": {"allOf": []}}},
        {**CLOSED, "properties": {"a": {"type": "array", "items": {"type": "object"}}}},
    ],
)
def test_a_schema_openai_would_refuse_is_not_strict(schema: Any) -> None:
    """Optional and open properties are allowed on messages, so they must not fail here."""
    body = asked(HI, output_config={"format": {"type": "json_schema", "schema": schema}})
    assert body["response_format"]["json_schema"]["strict"] is False


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "max"),
        ({"output_config": {"effort": "low"}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1_024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10_000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 31_999}}, "high"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, None),
        ({"output_config": {"effort": "heroic"}}, None),
    ],
)
def test_effort(more: Any, expected: str | None) -> None:
    """Effort, or a budget for thinking, is the reasoning effort."""
    assert asked(HI, **more).get("reasoning_effort") == expected


def test_effort_is_left_unsaid_unless_the_route_reasons() -> None:
    """Models that do not reason refuse every turn of a client that always says it."""
    body = {"max_tokens": 9, "messages": [HI], "output_config": {"effort": "high"}}
    for reasoning in (None, False):
        told = request(body, Dialect.MESSAGES, Dialect.CHAT, reasoning=reasoning)
        assert "reasoning_effort" not in told


@pytest.mark.parametrize(
    ("dialect", "body", "left"),
    [
        (Dialect.CHAT, {"reasoning_effort": "low", "reasoning": {}, "seed": 1}, {"seed": 1}),
        (
            Dialect.MESSAGES,
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low", "format": {}}},
            {"output_config": {"format": {}}},
        ),
        (Dialect.MESSAGES, {"output_config": {"effort": "low"}}, {}),
        (
            Dialect.MESSAGES,
            {"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}},
            {"context_management": {"edits": []}},
        ),
    ],
)
def test_a_route_that_denies_it_never_hears_how_hard_to_think(
    dialect: Dialect, body: Any, left: Any
) -> None:
    """Not even from clients that speak its dialect; without the word of its route it does."""
    assert request(body, dialect, dialect, reasoning=False) == left
    assert request(body, dialect, dialect) == body


def test_a_user_id_is_the_user() -> None:
    """One that is too long for OpenAI, as Claude Code's is, is replaced by its digest."""
    long = json.dumps({"device_id": "d" * 64, "session_id": "s"})
    assert asked(HI, metadata={"user_id": "u1"})["user"] == "u1"
    told = asked(HI, metadata={"user_id": long})["user"]
    assert told == hashlib.sha256(long.encode()).hexdigest()


@pytest.mark.parametrize(("tier", "expected"), [("auto", "auto"), ("standard_only", "default")])
def test_service_tiers(tier: str, expected: str) -> None:
    """The tiers that both know go over."""
    assert asked(HI, service_tier=tier)["service_tier"] == expected
