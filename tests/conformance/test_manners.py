"""What the vendors' SDKs say that upstreams know by other names, or not at all."""

from typing import Any

import anthropic
import openai
import pytest

from .house import House

LONG = "mcp__a_server_with_a_long_name__" + "and_a_tool_with_a_longer_one_" * 3
SCHEMA: Any = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}
HI: Any = [{"role": "user", "content": "Hi"}]


def heard(house: House) -> dict[str, Any]:
    """Return the last request that the upstream heard."""
    return house.simulator.heard()[-1]


@pytest.mark.parametrize("streams", ["whole", "streamed"])
def test_a_tool_with_a_long_name_is_called_by_it(
    house: House, messages: anthropic.Anthropic, model: str, streams: str
) -> None:
    """Tools of MCP servers have long names, which one of the two vendors refuses."""
    asked: Any = {
        "model": model,
        "max_tokens": 500,
        "messages": HI,
        "tools": [{"name": LONG, "input_schema": SCHEMA}],
        "tool_choice": {"type": "tool", "name": LONG},
    }
    if streams == "whole":
        answer = messages.messages.create(**asked)
    else:
        with messages.messages.stream(**asked) as stream:
            answer = stream.get_final_message()
    (call,) = [block for block in answer.content if block.type == "tool_use"]
    assert call.name == LONG
    tool = heard(house)["body"]["tools"][0]
    assert (model.startswith("anthropic")) == (tool.get("name") == LONG)


def test_a_refusal_keeps_its_code_in_the_openai_sdk(
    house: House, chat: openai.OpenAI, model: str
) -> None:
    """Frameworks decide by the code whether to shorten a prompt."""
    code = "context_length_exceeded"
    house.simulator.set({"fault": "status", "status": 400, "code": code})
    with pytest.raises(openai.BadRequestError) as raised:
        chat.chat.completions.create(model=model, messages=HI)
    assert raised.value.code == code


def test_a_refusal_names_its_field_in_the_openai_sdk(chat: openai.OpenAI) -> None:
    """The field that the provider refused stands where the SDK looks for it."""
    with pytest.raises(openai.BadRequestError) as raised:
        chat.chat.completions.create(
            model="openai-drain",
            messages=HI,
            tool_choice={"type": "function", "function": {"name": "nowhere"}},
        )
    assert raised.value.param == "tool_choice"


def test_a_refusal_keeps_its_code_in_the_anthropic_sdk(
    house: House, messages: anthropic.Anthropic, model: str
) -> None:
    """Coding agents know a prompt that does not fit by how the message begins."""
    code = "context_length_exceeded"
    house.simulator.set({"fault": "status", "status": 400, "code": code})
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: ") as raised:
        messages.messages.create(model=model, max_tokens=9, messages=HI)
    body: Any = raised.value.body
    assert body["error"]["details"]["error_code"] == code


def test_a_search_at_the_vendor_is_refused(messages: anthropic.Anthropic) -> None:
    """What is charged by the search is not sold by the token."""
    with pytest.raises(anthropic.BadRequestError, match="server_tools") as raised:
        messages.messages.create(
            model="anthropic-drain",
            max_tokens=9,
            messages=HI,
            tools=[{"type": "web_search_20250305", "name": "web_search"}],
        )
    body: Any = raised.value.body
    assert body["error"]["details"] == {"error_code": "unsupported_parameter", "param": "tools"}


def test_the_sdks_version_goes_on(house: House, messages: anthropic.Anthropic) -> None:
    """A provider answers in the version that the client speaks."""
    for version in ("2023-06-01", "2026-10-21"):
        headers = {"anthropic-version": version, "anthropic-beta": "of-next-year-2099-01-01"}
        messages.messages.create(
            model="anthropic-drain", max_tokens=9, messages=HI, extra_headers=headers
        )
        told = heard(house)["headers"]
        assert {name: told[name] for name in headers} == headers


def test_a_chat_clients_schema_is_one_the_other_vendor_takes(
    house: House, chat: openai.OpenAI
) -> None:
    """And it gets the whole of the instrument's limit, which that vendor wants named."""
    described: Any = {"name": "n", "schema": SCHEMA, "strict": True}
    chat.chat.completions.create(
        model="anthropic-drain",
        messages=HI,
        response_format={"type": "json_schema", "json_schema": described},
    )
    body = heard(house)["body"]
    sent = body["output_config"]["format"]["schema"]
    assert sent["additionalProperties"] is False
    assert sent["properties"]["n"] == {"type": "integer", "description": "{minimum: 1}"}
    assert (
        body["max_tokens"]
        == house.gateway.catalog.instruments["anthropic-drain"].output_tokens_default
    )


def test_a_stored_completion_is_stored_here_alone(house: House, chat: openai.OpenAI) -> None:
    """Neither the wish nor the marks get to the vendor."""
    chat.chat.completions.create(model="openai-drain", messages=HI, store=True, metadata={"a": "b"})
    assert not heard(house)["body"].keys() & {"store", "metadata"}
