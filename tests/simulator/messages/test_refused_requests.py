"""Messages that cannot be answered."""

from typing import Any

import pytest

from tests.simulator.running import MESSAGES, Simulator

USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
OTHER_USE = {**USE, "id": "toolu_2"}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"}
OTHER_RESULT = {**RESULT, "tool_use_id": "toolu_2"}
TEXT = {"type": "text", "text": "Well?"}
ASK = {"role": "user", "content": "How is the weather?"}
TOOL = {"name": "weather", "input_schema": {"type": "object"}}
URL = {"type": "image_url", "image_url": {"url": "https://example.com"}}


def blocks(*content: dict[str, Any], role: str = "user") -> dict[str, Any]:
    """Return a message of these blocks."""
    return {"role": role, "content": list(content)}


def image(**source: str) -> dict[str, Any]:
    """Return an image block."""
    return {"type": "image", "source": source}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "not valid JSON"),
        ("[]", "JSON object"),
        (b"\xff", "not valid JSON"),
        ("{}", "model: Field required"),
        ('{"model": "m"}', "max_tokens: Field required"),
        ('{"model": "m", "max_tokens": 1}', "messages: Field required"),
        ('{"model": "m", "max_tokens": 1, "messages": []}', "at least one message"),
        ('{"model": "m", "max_tokens": -1, "messages": []}', "max_tokens:"),
    ],
)
def test_what_is_missing_is_named(simulator: Simulator, body: str | bytes, said: str) -> None:
    """A body without what it needs gets a 400 in the vendor's envelope that names it."""
    refused = simulator.post(body, path=MESSAGES)
    assert (refused.status_code, refused.json()["type"]) == (400, "error")
    error = refused.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert said in error["message"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": ""}]}, "non-empty content"),
        ({"messages": [blocks({"type": "text", "text": ""})]}, "must be non-empty"),
        ({"messages": [blocks({"type": "text", "text": " \n"})]}, "non-whitespace"),
        ({"messages": [blocks({"text": "x"})]}, "messages.0.content.0.type"),
        ({"messages": [blocks(URL)]}, "image_url"),
        ({"messages": [blocks(image(type="base64", data="AA", media_type="x/y"))]}, "media_type"),
        ({"messages": [blocks(image(type="url", url="data:image/png;base64,AA"))]}, "HTTPS"),
        ({"system": 7}, "system"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "function"),
        ({"tools": [{"name": "weather"}]}, "tools.0.custom.input_schema"),
        ({"tools": [{**TOOL, "name": "not a name"}]}, "tools.0.custom.name"),
        ({"tools": [TOOL, TOOL]}, "unique"),
        ({"tools": [TOOL], "tool_choice": "auto"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "required"}}, "tool_choice.type"),
        ({"tools": [TOOL], "tool_choice": {"type": "tool", "name": "news"}}, "'news' not found"),
        ({"tool_choice": {"type": "any"}}, "while providing tools"),
        ({"stop_sequences": "the"}, "stop_sequences"),
        ({"stop_sequences": [" "]}, "stop_sequences"),
        ({"output_config": {"format": {"type": "json_object"}}}, "output_config.format"),
        ({"output_format": "json"}, "output_format"),
        ({"model": ""}, "model"),
    ],
)
def test_what_is_wrong_is_named(simulator: Simulator, fields: dict[str, Any], said: str) -> None:
    """A field the vendor would refuse is refused with a 400 that names it."""
    refused = simulator.message(**fields)
    assert refused.status_code == 400
    assert said in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        ([blocks(USE, role="assistant")], "without `tool_result`"),
        ([blocks(USE, role="assistant"), blocks(TEXT)], "without `tool_result`"),
        ([blocks(USE, role="assistant"), blocks(TEXT, RESULT)], "without `tool_result`"),
        ([blocks(USE, role="assistant"), ASK, blocks(RESULT)], "without `tool_result`"),
        ([blocks(USE, OTHER_USE, role="assistant"), blocks(RESULT)], "toolu_2"),
        ([blocks(USE, role="assistant"), blocks(OTHER_RESULT)], "unexpected `tool_use_id`"),
        ([blocks(USE, role="assistant"), blocks(RESULT, RESULT)], "unexpected `tool_use_id`"),
        ([blocks(RESULT)], "unexpected `tool_use_id`"),
        ([blocks({**USE, "id": "call 1"}, role="assistant"), blocks(RESULT)], "tool_use.id"),
        ([blocks({**USE, "input": "{}"}, role="assistant"), blocks(RESULT)], "tool_use.input"),
    ],
)
def test_a_use_needs_its_result_and_a_result_its_use(
    simulator: Simulator, turns: list[dict[str, Any]], said: str
) -> None:
    """Tool uses and results that do not belong together are refused as the vendor does."""
    refused = simulator.message(messages=[ASK, *turns], tools=[TOOL])
    assert refused.status_code == 400
    assert said in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    "turns",
    [
        [blocks(USE, role="assistant"), blocks(RESULT, TEXT)],
        [blocks(USE, OTHER_USE, role="assistant"), blocks(OTHER_RESULT, RESULT)],
        [blocks(USE, OTHER_USE, role="assistant"), blocks(RESULT), blocks(OTHER_RESULT)],
        [
            blocks(USE, role="assistant"),
            {"role": "system", "content": "It is noon."},
            blocks(RESULT),
        ],
        [blocks(USE, role="assistant"), blocks(RESULT), blocks(TEXT, role="assistant"), ASK],
        [{"role": "assistant", "content": "It is"}],
        [blocks({"type": "something_new", "data": 1}, TEXT)],
    ],
)
def test_what_belongs_together_is_answered(
    simulator: Simulator, turns: list[dict[str, Any]]
) -> None:
    """Results in any order, in several messages, before text, and a begun answer are in order."""
    answered = simulator.message(messages=[ASK, *turns], tools=[TOOL])
    assert answered.status_code == 200, answered.text


def test_a_missing_model_is_not_found(simulator: Simulator) -> None:
    """A model whose name begins with missing- does not exist."""
    refused = simulator.message(model="missing-link")
    assert (refused.status_code, refused.json()["error"]["type"]) == (404, "not_found_error")


def test_an_error_tells_its_request_id_twice(simulator: Simulator) -> None:
    """The id in the body is the one in the header."""
    refused = simulator.message(messages=[])
    assert refused.json()["request_id"] == refused.headers["request-id"]
