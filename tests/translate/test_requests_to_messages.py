"""Chat requests for a messages upstream."""

from typing import Any

import pytest

from app.translate import Dialect, request

PNG_URL = "data:image/png;base64,iVBORw0KGgo="
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells.", "parameters": PARAMETERS},
}
HI = {"role": "user", "content": "Hi"}


def asked(*messages: Any, **more: Any) -> dict[str, Any]:
    """Return the Messages request for a chat one."""
    body = {"model": "m", "messages": list(messages), **more}
    return request(body, Dialect.CHAT, Dialect.MESSAGES, reasoning=True)


def called(call_id: str, name: str, arguments: Any) -> dict[str, Any]:
    """Return a call."""
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }


def said(text: str) -> dict[str, Any]:
    """Return a text block."""
    return {"type": "text", "text": text}


def test_a_plain_request() -> None:
    """Text and limits go over as they are; what messages does not know is dropped."""
    body = asked(
        {"role": "system", "content": "Be brief."},
        {**HI, "name": "ann"},
        max_completion_tokens=50,
        stop="END",
        stream=True,
        n=3,
        seed=7,
        logit_bias={"1": 2},
        store=True,
        metadata={"a": "b"},
        verbosity="low",
    )
    assert body == {
        "model": "m",
        "max_tokens": 50,
        "system": "Be brief.",
        "messages": [HI],
        "stop_sequences": ["END"],
        "stream": True,
    }


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, None),
        ({"max_tokens": 10}, 10),
        ({"max_tokens": 10, "max_completion_tokens": 20}, 20),
        ({"max_tokens": "many"}, None),
    ],
)
def test_an_answer_has_the_limit_that_was_asked_for(limits: Any, expected: int | None) -> None:
    """Where none was, the adapter sets the instrument's."""
    assert asked(HI, **limits).get("max_tokens") == expected


def test_system_and_developer_messages_are_the_system_prompt() -> None:
    """They join it in order, wherever they stand."""
    body = asked(
        {"role": "system", "content": "One."},
        HI,
        {"role": "developer", "content": [said("Two."), said("Three.")]},
    )
    assert body["system"] == "One.\n\nTwo.\n\nThree."
    assert body["messages"] == [HI]


def test_a_conversation_of_system_messages_is_the_users() -> None:
    """A prompt without a turn would be refused."""
    body = asked({"role": "system", "content": "Tell a joke."})
    assert body["messages"] == [{"role": "user", "content": "Tell a joke."}]
    assert "system" not in body


@pytest.mark.parametrize(
    ("url", "source"),
    [
        (PNG_URL, {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}),
        (
            "DATA:image/JPG;base64,/9j/",
            {"type": "base64", "media_type": "image/jpeg", "data": "/9j/"},
        ),
        ("https://a.test/b.png", {"type": "url", "url": "https://a.test/b.png"}),
        (
            "data:image/svg+xml,%3Csvg%2F%3E",
            {"type": "base64", "media_type": "image/svg+xml", "data": "PHN2Zy8+"},
        ),
    ],
)
def test_image_urls_become_sources(url: str, source: Any) -> None:
    """A data URL is its bytes, any other stays a URL; the order of parts is kept."""
    part = {"type": "image_url", "image_url": {"url": url, "detail": "high"}}
    [turn] = asked({"role": "user", "content": [said("What?"), part, said("Well?")]})["messages"]
    assert turn["content"] == [said("What?"), {"type": "image", "source": source}, said("Well?")]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
            },
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                "title": "a.pdf",
            },
        ),
        (
            {"type": "file", "file": {"filename": "a.PDF", "file_data": "JVBERi0="}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
                "title": "a.PDF",
            },
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/markdown;base64,SGVsbG8="}},
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "Hello"},
            },
        ),
        (
            {"type": "file", "file": {"file_id": "file-1"}},
            said("[file omitted: not supported here]"),
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/zip;base64,UEs="}},
            said("[file omitted: not supported here]"),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            said("[input_audio omitted: not supported here]"),
        ),
        (
            {"type": "image_url", "image_url": {"url": "ftp://a.test/b"}},
            said("[image_url omitted: not supported here]"),
        ),
    ],
)
def test_other_parts_become_blocks_or_words(part: Any, block: Any) -> None:
    """Files become documents; where nothing can stand, words say so."""
    [turn] = asked({"role": "user", "content": [said("See"), part]})["messages"]
    assert turn["content"][1:] == [block]


def test_calls_and_results_are_turns() -> None:
    """Results of parallel calls are one turn, and what the user adds belongs to it."""
    body = asked(
        HI,
        {
            "role": "assistant",
            "content": "Let me look.",
            "reasoning_content": "hm",
            "tool_calls": [called("a", "weather", '{"city": "Paris"}'), called("b", "now", "")],
        },
        {"role": "tool", "tool_call_id": "a", "content": "Rain"},
        {"role": "tool", "tool_call_id": "b", "content": [said("12"), said("noon")]},
        {"role": "user", "content": "And now?"},
    )
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": [
                said("Let me look."),
                {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Paris"}},
                {"type": "tool_use", "id": "b", "name": "now", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": "Rain"},
                {"type": "tool_result", "tool_use_id": "b", "content": [said("12"), said("noon")]},
                said("And now?"),
            ],
        },
    ]


def test_results_lead_their_turn() -> None:
    """Messages wants results before words, in whatever order they came."""
    image = {"type": "image_url", "image_url": {"url": "https://a.test/b.png"}}
    body = asked(
        {"role": "assistant", "tool_calls": [called("a", "f", "{}"), called("b", "f", "{}")]},
        {"role": "tool", "tool_call_id": "a", "content": ""},
        {"role": "user", "content": [image]},
        {"role": "tool", "tool_call_id": "b", "content": "ok"},
    )
    assert [block["type"] for block in body["messages"][-1]["content"]] == [
        "tool_result",
        "tool_result",
        "image",
    ]


def test_an_image_in_a_result_stays_there() -> None:
    """Messages takes images in results, where some chat clients put them."""
    part = {"type": "image_url", "image_url": {"url": PNG_URL}}
    body = asked(HI, {"role": "tool", "tool_call_id": "a", "content": [part]})
    assert body["messages"][-1]["content"][0]["content"][0]["type"] == "image"


def test_ids_are_in_the_alphabet_of_messages() -> None:
    """A call and its result keep one id, whatever was in it."""
    body = asked(
        {"role": "assistant", "tool_calls": [called("functions.f:0", "f", "{}")]},
        {"role": "tool", "tool_call_id": "functions.f:0", "content": "ok"},
    )
    assert body["messages"][0]["content"][0]["id"] == "functions_f_0"
    assert body["messages"][1]["content"][0]["tool_use_id"] == "functions_f_0"


def test_the_legacy_function_messages_are_calls_and_results() -> None:
    """A call without an id is answered by the next result without one."""
    body = asked(
        HI,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "ok"},
        functions=[{"name": "f", "parameters": PARAMETERS}],
        function_call={"name": "f"},
    )
    assert body["messages"][1]["content"][0]["id"] == "call_1"
    assert body["messages"][2]["content"][0]["tool_use_id"] == "call_1"
    assert body["tools"] == [{"name": "f", "input_schema": PARAMETERS}]
    assert body["tool_choice"] == {"type": "tool", "name": "f"}


def test_a_refusal_of_the_past_is_what_was_said() -> None:
    """The model declined in words."""
    body = asked(HI, {"role": "assistant", "content": None, "refusal": "No."}, HI)
    assert body["messages"][1] == {"role": "assistant", "content": "No."}


@pytest.mark.parametrize("nothing", ["", "\n\n", None, []])
def test_empty_messages_are_left_out(nothing: Any) -> None:
    """Messages refuses texts of nothing but white space."""
    silent = {"role": "assistant", "content": nothing}
    assert asked(HI, silent, HI)["messages"] == [HI, HI]


def test_a_role_not_known_is_the_users() -> None:
    """Nothing that was said is lost."""
    body = asked({"role": "critic", "content": "Hm."})
    assert body["messages"] == [{"role": "user", "content": "Hm."}]


def test_a_prefill_has_no_white_space_at_its_end() -> None:
    """Messages refuses it; the words stay for the model to continue."""
    body = asked(HI, {"role": "assistant", "content": "The answer is \n"})
    assert body["messages"][-1] == {"role": "assistant", "content": "The answer is"}


def test_tools_have_schemas_of_objects() -> None:
    """A function without parameters takes an empty object; strictness goes over."""
    bare = {"type": "function", "function": {"name": "now", "strict": True}}
    assert asked(HI, tools=[TOOL, bare])["tools"] == [
        {"name": "weather", "input_schema": PARAMETERS, "description": "Tells."},
        {
            "name": "now",
            "input_schema": {"type": "object", "properties": {}, "additionalProperties": False},
            "strict": True,
        },
    ]


def test_a_custom_tool_takes_one_text() -> None:
    """Its calls in the past are put the same way."""
    custom = {"type": "custom", "custom": {"name": "run", "description": "Runs."}}
    call = {"id": "a", "type": "custom", "custom": {"name": "run", "input": "ls"}}
    body = asked(HI, {"role": "assistant", "tool_calls": [call]}, tools=[custom])
    assert body["tools"][0]["input_schema"]["required"] == ["input"]
    assert body["messages"][1]["content"][0]["input"] == {"input": "ls"}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
            {"type": "tool", "name": "weather"},
        ),
        ({"tool_choice": {"type": "function", "function": {"name": "other"}}}, None),
        (
            {"parallel_tool_calls": False},
            {"type": "auto", "disable_parallel_tool_use": True},
        ),
        (
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
        ({"parallel_tool_calls": True}, None),
    ],
)
def test_tool_choices(more: Any, expected: Any) -> None:
    """Each choice has its counterpart, with parallel calls switched off inside it."""
    assert asked(HI, tools=[TOOL], **more).get("tool_choice") == expected


def test_a_choice_without_tools_is_dropped() -> None:
    """It would be refused."""
    assert "tool_choice" not in asked(HI, tool_choice="required", parallel_tool_calls=False)


def test_allowed_tools_are_the_tools() -> None:
    """Only the listed ones are offered."""
    other = {"type": "function", "function": {"name": "now"}}
    listed = [{"type": "function", "function": {"name": "now"}}]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": listed}}
    body = asked(HI, tools=[TOOL, other], tool_choice=choice)
    assert [tool["name"] for tool in body["tools"]] == ["now"]
    assert body["tool_choice"] == {"type": "any"}


def test_a_schema_for_the_answer() -> None:
    """A response format is an output format; its name and strictness have no place."""
    described = {"name": "x", "schema": PARAMETERS, "strict": True}
    closed = {**PARAMETERS, "additionalProperties": False}
    body = asked(HI, response_format={"type": "json_schema", "json_schema": described})
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": closed}}


def test_json_mode_is_asked_for_in_words() -> None:
    """Messages has no JSON mode without a schema."""
    body = asked(
        {"role": "system", "content": "Be brief."}, HI, response_format={"type": "json_object"}
    )
    assert body["system"] == "Be brief.\n\nAnswer with one valid JSON object and nothing else."


@pytest.mark.parametrize(
    ("effort", "thinking", "expected"),
    [
        ("minimal", {"type": "adaptive"}, "low"),
        ("high", {"type": "adaptive"}, "high"),
        ("max", {"type": "adaptive"}, "max"),
        ("none", {"type": "disabled"}, None),
        ("heroic", None, None),
    ],
)
def test_reasoning_effort(effort: str, thinking: Any, expected: str | None) -> None:
    """Effort is adaptive thinking with that effort."""
    body = asked(HI, reasoning_effort=effort)
    assert body.get("thinking") == thinking
    assert body.get("output_config", {}).get("effort") == expected


def test_thinking_is_left_unsaid_unless_the_route_reasons() -> None:
    """Older models refuse it; then sampling is not in its way."""
    body = {"messages": [HI], "reasoning_effort": "high", "temperature": 0.2}
    for reasoning in (None, False):
        told = request(body, Dialect.CHAT, Dialect.MESSAGES, reasoning=reasoning)
        assert not told.keys() & {"thinking", "output_config"}
        assert told["temperature"] == 0.2


def test_thinking_goes_without_sampling() -> None:
    """The vendor refuses a temperature beside thinking."""
    body = asked(HI, reasoning_effort="low", temperature=0.2, top_p=0.9)
    assert not body.keys() & {"temperature", "top_p", "top_k"}


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [TOOL], "tool_choice": "required"},
        {"messages": [HI, {"role": "assistant", "content": "The"}]},
    ],
)
def test_thinking_is_not_asked_for_where_it_is_refused(more: Any) -> None:
    """Beside a forced call or a prefill, only the effort is said."""
    body = asked(HI, **{"reasoning_effort": "high", **more})
    assert "thinking" not in body
    assert body["output_config"] == {"effort": "high"}


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        ({"temperature": 1.7}, {"temperature": 1}),
        ({"temperature": 0.2}, {"temperature": 0.2}),
        ({"temperature": 0.2, "top_p": 0.9}, {"temperature": 0.2}),
        ({"top_p": 0.9, "top_k": 40}, {"top_p": 0.9, "top_k": 40}),
        ({"top_p": 1}, {}),
    ],
)
def test_sampling(sampling: Any, expected: Any) -> None:
    """Temperatures end at 1, and newer models take only one of two ways to sample."""
    body = asked(HI, **sampling)
    told = {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body}
    assert told == expected


def test_stops_of_white_space_are_left_out() -> None:
    """Messages refuses them."""
    assert asked(HI, stop=["\n\n", "END"])["stop_sequences"] == ["END"]
    assert "stop_sequences" not in asked(HI, stop="\n")


@pytest.mark.parametrize("field", ["user", "safety_identifier"])
def test_the_user_is_the_user_id(field: str) -> None:
    """Both of chat's names for a user are understood."""
    assert asked(HI, **{field: "u1"})["metadata"] == {"user_id": "u1"}


@pytest.mark.parametrize(
    ("tier", "expected"),
    [
        ("auto", "auto"),
        ("priority", "auto"),
        ("default", "standard_only"),
        ("flex", "standard_only"),
    ],
)
def test_service_tiers(tier: str, expected: str) -> None:
    """Tiers go over by whether they may use priority capacity."""
    assert asked(HI, service_tier=tier)["service_tier"] == expected
