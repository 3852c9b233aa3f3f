"""Whole answers across dialects: what becomes of reasons, usage, refusals, calls and thoughts."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from app.translate import Dialect, answer

from .client import CREATED, ID, MODEL
from .recorded_chat import CHAT, USAGE, called, whole
from .recorded_messages import MESSAGES, message, used


def to_messages(body: Any) -> dict[str, Any]:
    """Return a completion as a message."""
    return answer(body, Dialect.CHAT, Dialect.MESSAGES, id=ID, model=MODEL)


def to_chat(body: Any) -> dict[str, Any]:
    """Return a message as a completion."""
    told = answer(body, Dialect.MESSAGES, Dialect.CHAT, id=ID, model=MODEL, created=CREATED)
    ChatCompletion.model_validate(told)
    return told


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("tool_calls", "end_turn"),
        ("something_new", "end_turn"),
        (None, "end_turn"),
    ],
)
def test_finish_reasons_become_stop_reasons(reason: Any, expected: str) -> None:
    """An answer in words ends as its finish reason says; waiting for no call is not waiting."""
    assert to_messages(whole({"content": "Hi"}, reason))["stop_reason"] == expected


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "function_call", "eos"])
def test_calls_always_wait_for_their_results(reason: str) -> None:
    """A client goes on with its tools whatever a server says beside them."""
    body = whole({"tool_calls": [called("a", "f", "{}")]}, reason)
    assert to_messages(body)["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "stop"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
        (None, "stop"),
    ],
)
def test_stop_reasons_become_finish_reasons(reason: Any, expected: str) -> None:
    """A message ends as its stop reason says."""
    body = message([{"type": "text", "text": "Hi"}], reason)
    assert to_chat(body)["choices"][0]["finish_reason"] == expected


def test_a_message_that_uses_tools_ends_for_them() -> None:
    """`tool_use` is `tool_calls`."""
    body = message([used("toolu_1", "f", {})], "tool_use")
    assert to_chat(body)["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("field", ["stop_reason", "matched_stop"])
def test_the_stop_sequence_is_told_where_a_server_tells_it(field: str) -> None:
    """The text that vLLM and SGLang write beside `stop` is the sequence that was met."""
    told = to_messages(whole({"content": "1"}, "stop", **{field: "END"}))
    assert (told["stop_reason"], told["stop_sequence"]) == ("stop_sequence", "END")


@pytest.mark.parametrize("met", [128_009, None, "stop", "eos"])
def test_what_is_no_sequence_is_not_taken_for_one(met: object) -> None:
    """A token id or a reason in that place is not a stop sequence."""
    told = to_messages(whole({"content": "1"}, "stop", stop_reason=met))
    assert (told["stop_reason"], told["stop_sequence"]) == ("end_turn", None)


def test_a_refusal_is_shown_as_text() -> None:
    """A messages client sees why a model declined, and that it did."""
    told = to_messages(CHAT["refusal"].whole)
    assert told["content"] == [{"type": "text", "text": "I cannot."}]
    assert told["stop_reason"] == "refusal"


def test_an_explained_refusal_is_the_refusal_of_the_completion() -> None:
    """A chat client finds the vendor's explanation beside what was said before."""
    choice = to_chat(MESSAGES["refusal"].whole)["choices"][0]
    assert choice["message"]["content"] == "Well"
    assert choice["message"]["refusal"] == "I cannot help with that."
    assert choice["finish_reason"] == "content_filter"


def test_thinking_becomes_reasoning_content() -> None:
    """A chat client reads what the model thought; signatures stay behind."""
    told = to_chat(MESSAGES["thinking"].whole)
    assert told["choices"][0]["message"]["reasoning_content"] == "Two and two."
    assert "EqQB" not in json.dumps(told)
    assert "EmwK" not in json.dumps(told)


def test_reasoning_content_is_left_out_of_a_message() -> None:
    """A thinking block needs a signature that a chat upstream does not have."""
    assert to_messages(CHAT["reasoning"].whole)["content"] == [{"type": "text", "text": "4"}]


def test_a_call_without_text_has_no_content() -> None:
    """A completion that only calls has a null content, as OpenAI's has."""
    assert to_chat(MESSAGES["one tool"].whole)["choices"][0]["message"]["content"] is None


def test_the_vendors_own_tools_are_left_out() -> None:
    """A web search is neither a call for the client nor a part of the text."""
    message_ = to_chat(MESSAGES["web search with citations"].whole)["choices"][0]["message"]
    assert message_["content"] == "It rains. Still."
    assert "tool_calls" not in message_


def test_unparsable_arguments_are_shown_as_they_are() -> None:
    """Arguments that are no JSON object reach the tool's owner under a name that says so."""
    body = whole({"tool_calls": [called("a", "f", '{"city": "Pa')]}, "length")
    [call] = to_messages(body)["content"]
    assert call["input"] == {"unparsable_arguments": '{"city": "Pa'}


@pytest.mark.parametrize("arguments", ["[1]", '"text"', "NaN", '{"a": NaN}', "9" * 5_000])
def test_arguments_that_are_no_object_are_unparsable(arguments: str) -> None:
    """A tool's input is always an object."""
    body = whole({"tool_calls": [called("a", "f", arguments)]}, "tool_calls")
    [call] = to_messages(body)["content"]
    assert call["input"] == {"unparsable_arguments": arguments}


def test_arguments_sent_as_an_object_are_read() -> None:
    """Some servers forget that chat's arguments are text."""
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    [told] = to_messages(whole({"tool_calls": [call]}, "tool_calls"))["content"]
    assert told["input"] == {"a": 1}


def test_the_legacy_function_call_is_a_call() -> None:
    """A server that answers with `function_call` calls a tool."""
    body = whole({"function_call": {"name": "f", "arguments": "{}"}}, "function_call")
    assert to_messages(body)["content"] == [
        {"type": "tool_use", "id": f"call_{ID}_0", "name": "f", "input": {}}
    ]


def test_ids_of_calls_are_in_the_alphabet_of_messages() -> None:
    """Ids like Kimi's are made such that a conversation can go on with any upstream."""
    body = whole({"tool_calls": [called("functions.f:0", "f", "{}")]}, "tool_calls")
    assert to_messages(body)["content"][0]["id"] == "functions_f_0"


def test_content_in_parts_is_read_as_text() -> None:
    """Servers that answer with a list of parts are understood."""
    parts = [{"type": "text", "text": "a"}, {"type": "thinking"}, {"type": "text", "text": "b"}]
    assert to_messages(whole({"content": parts}, "stop"))["content"][0]["text"] == "ab"


def test_chats_prompt_tokens_include_what_messages_counts_apart() -> None:
    """Input, cache reads and cache writes add up to the prompt."""
    assert to_messages(CHAT["text"].whole)["usage"] == {
        "input_tokens": 15,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 10,
        "output_tokens": 12,
        "output_tokens_details": {"thinking_tokens": 4},
    }
    assert to_chat(MESSAGES["text"].whole)["usage"] == {
        "prompt_tokens": 30,
        "completion_tokens": 12,
        "total_tokens": 42,
        "prompt_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }


@pytest.mark.parametrize(
    "report", [None, [], "many", {"prompt_tokens": -1, "prompt_tokens_details": 7}]
)
def test_usage_that_cannot_be_read_is_zero_in_a_message(report: Any) -> None:
    """A message has a usage always, as its clients count on it."""
    told = to_messages({**CHAT["text"].whole, "usage": report})
    assert (told["usage"]["input_tokens"], told["usage"]["output_tokens"]) == (0, 0)


def test_no_usage_is_made_up_for_a_completion() -> None:
    """A completion without a report has none."""
    silent = {name: value for name, value in MESSAGES["text"].whole.items() if name != "usage"}
    assert "usage" not in to_chat(silent)


def test_more_cached_than_sent_is_never_negative() -> None:
    """A nonsensical report makes no negative count."""
    report = {**USAGE, "prompt_tokens": 3}
    usage = to_messages({**CHAT["text"].whole, "usage": report})["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (0, 3)


@pytest.mark.parametrize(
    ("tier", "expected"), [("default", "standard"), ("priority", "priority"), ("odd", None)]
)
def test_the_tier_that_was_used_is_told(tier: str, expected: str | None) -> None:
    """Chat's `service_tier` stands in the usage of a message, and back."""
    told = to_messages({**CHAT["text"].whole, "service_tier": tier})
    assert told["usage"].get("service_tier") == expected


def test_the_tier_of_a_message_is_told_to_chat_clients() -> None:
    """The standard tier is chat's default one."""
    assert to_chat(MESSAGES["text"].whole)["service_tier"] == "default"


@pytest.mark.parametrize("source", list(Dialect))
def test_names_are_the_gateways(source: Dialect) -> None:
    """Whatever the upstream calls itself and its answer, the client reads our names."""
    body = (CHAT if source == Dialect.CHAT else MESSAGES)["text"].whole
    for target in Dialect:
        told = answer(body, source, target, id=ID, model=MODEL)
        assert (told["id"], told["model"]) == (ID, MODEL)


def test_an_answer_is_not_changed_by_being_translated() -> None:
    """Translation is a pure function."""
    for source, recorded in ((Dialect.CHAT, CHAT), (Dialect.MESSAGES, MESSAGES)):
        for each in recorded.values():
            before = json.dumps(each.whole)
            for target in Dialect:
                answer(each.whole, source, target, id=ID, model=MODEL)
            assert json.dumps(each.whole) == before
