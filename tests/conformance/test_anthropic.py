"""The official Anthropic SDK, unmodified, on either upstream protocol."""

import json
from typing import Any

import anthropic
import pytest

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


WEATHER: Any = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
TIME: Any = {
    "name": "get_time",
    "input_schema": {
        "type": "object",
        "properties": {"zone": {"type": "string"}},
        "required": ["zone"],
    },
}


def user(content: Any) -> Any:
    """Return the messages of one question."""
    return [{"role": "user", "content": content}]


def text_of(message: Any) -> str:
    """Return all the text of a message."""
    return "".join(block.text for block in message.content if block.type == "text")


def test_a_message(messages: anthropic.Anthropic, model: str) -> None:
    """A plain message has text, a stop reason, usage and the instrument's name."""
    answer = messages.messages.create(
        model=model, max_tokens=500, messages=user("Describe a kettle.")
    )
    assert answer.model == model
    assert answer.id.startswith("msg_")
    assert answer.type == "message"
    assert answer.stop_reason == "end_turn"
    assert text_of(answer)
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0


def test_a_stream_says_what_the_whole_answer_says(
    messages: anthropic.Anthropic, model: str
) -> None:
    """The SDK's helper puts the events together to the answer that is given without a stream."""
    asked = user("Describe a lighthouse.")
    whole = messages.messages.create(model=model, max_tokens=500, messages=asked)
    with messages.messages.stream(model=model, max_tokens=500, messages=asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == text_of(final) == text_of(whole)
    assert final.stop_reason == whole.stop_reason == "end_turn"
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert final.usage.input_tokens == whole.usage.input_tokens


def test_raw_events_come_in_order(messages: anthropic.Anthropic, model: str) -> None:
    """Events begin with message_start and end with message_stop, blocks in between."""
    events = [
        event.type
        for event in messages.messages.create(
            model=model, max_tokens=50, messages=user("Hi."), stream=True
        )
    ]
    assert events[:2] == ["message_start", "content_block_start"]
    assert events[-3:] == ["content_block_stop", "message_delta", "message_stop"]


def test_an_image_reaches_the_upstream(messages: anthropic.Anthropic, model: str) -> None:
    """A picture in a message is part of the prompt, and costs its tokens."""
    plain = messages.messages.create(model=model, max_tokens=500, messages=user("What is this?"))
    source: Any = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is this?"}]
    seen = messages.messages.create(model=model, max_tokens=500, messages=user(content))
    assert seen.usage.input_tokens > plain.usage.input_tokens


@pytest.mark.parametrize("as_blocks", [False, True])
def test_a_system_prompt_is_heard(
    messages: anthropic.Anthropic, model: str, *, as_blocks: bool
) -> None:
    """A system prompt counts, as a string or as blocks."""
    text = "You are terse. " * 40
    system: Any = [{"type": "text", "text": text}] if as_blocks else text
    short = messages.messages.create(model=model, max_tokens=50, messages=user("Hello."))
    longer = messages.messages.create(
        model=model, max_tokens=50, messages=user("Hello."), system=system
    )
    assert longer.usage.input_tokens > short.usage.input_tokens + 50


def test_a_system_message_among_the_messages(messages: anthropic.Anthropic, model: str) -> None:
    """What Claude Code sends, a system role inside messages, is no error."""
    asked: Any = [{"role": "system", "content": "Be brief."}, *user("Hello.")]
    assert text_of(messages.messages.create(model=model, max_tokens=50, messages=asked))


def test_thinking(messages: anthropic.Anthropic, model: str) -> None:
    """A request to think is no error on either upstream, and the answer has text."""
    answer = messages.messages.create(
        model=model,
        max_tokens=4_000,
        messages=user("Think about it."),
        thinking={"type": "enabled", "budget_tokens": 1_024},
    )
    assert text_of(answer)


def test_a_stop_sequence(messages: anthropic.Anthropic, model: str) -> None:
    """An answer that hits a stop sequence ends before it."""
    answer = messages.messages.create(
        model=model, max_tokens=500, messages=user("Describe a kettle."), stop_sequences=["e"]
    )
    assert "e" not in text_of(answer)


def test_a_limit_ends_the_answer(messages: anthropic.Anthropic, model: str) -> None:
    """What max_tokens cuts short says so."""
    answer = messages.messages.create(
        model=model, max_tokens=3, messages=user("Describe a bridge.")
    )
    assert answer.stop_reason == "max_tokens"
    assert answer.usage.output_tokens <= 3


def test_a_refusal_is_told(messages: anthropic.Anthropic, model: str) -> None:
    """A refusing upstream ends in stop_reason refusal."""
    answer = messages.messages.create(model=model, max_tokens=500, messages=user("please refuse"))
    assert answer.stop_reason == "refusal"


def test_an_enormous_limit_is_lowered(messages: anthropic.Anthropic, model: str) -> None:
    """Claude Code asks for 128,000 tokens whatever the model: it gets what there is."""
    with messages.messages.stream(
        model=model, max_tokens=128_000, messages=user("Hello.")
    ) as stream:
        assert stream.get_final_message().stop_reason == "end_turn"


def test_tokens_are_counted(messages: anthropic.Anthropic, model: str) -> None:
    """A prompt can be weighed, and a longer one weighs more."""
    short = messages.messages.count_tokens(model=model, messages=user("Hello."))
    longer = messages.messages.count_tokens(
        model=model, messages=user("Hello. " * 100), tools=[WEATHER]
    )
    assert 0 < short.input_tokens < longer.input_tokens


def test_models(messages: anthropic.Anthropic) -> None:
    """The catalog's instruments are listed in this vendor's shape, page by page."""
    names = {each.id for each in messages.models.list(limit=2)}
    assert {"openai-drain", "anthropic-drain", "anthropic-free"} <= names
    assert messages.models.retrieve("Anthropic-Drain").id == "anthropic-drain"


def test_raw_responses(messages: anthropic.Anthropic, model: str) -> None:
    """Headers are there for those who look, and the body still parses."""
    raw = messages.messages.with_raw_response.create(
        model=model, max_tokens=50, messages=user("Hi.")
    )
    assert raw.headers["request-id"].startswith("req_")
    assert text_of(raw.parse())


def test_a_raw_stream(messages: anthropic.Anthropic, model: str) -> None:
    """Every event is named, and the usage that some clients read from message_delta is whole."""
    with messages.messages.with_streaming_response.create(
        model=model, max_tokens=50, messages=user("Hi."), stream=True
    ) as raw:
        lines = list(raw.iter_lines())
    named = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    data = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert named == [each["type"] for each in data]
    (end,) = [each for each in data if each["type"] == "message_delta"]
    assert end["usage"]["input_tokens"] > 0
    assert end["usage"]["output_tokens"] > 0


def test_what_nobody_knows_passes(messages: anthropic.Anthropic, model: str) -> None:
    """What newer clients send is no error, nor what the newest SDK has no name for any more."""
    text = {"type": "text", "text": "Hi.", "cache_control": {"type": "ephemeral"}, "mood": "merry"}
    tool: Any = {**WEATHER, "defer_loading": True, "allowed_callers": ["direct"]}
    answer = messages.messages.create(
        model=model,
        max_tokens=50,
        messages=user([text]),
        tools=[TIME, tool],
        extra_body={"temperature": 0.5, "top_k": 3, "unheard_of": {"a": [1]}},
    )
    assert text_of(answer)


def test_betas_pass(messages: anthropic.Anthropic, model: str) -> None:
    """Unknown betas and unknown fields are no error."""
    answer = messages.beta.messages.create(
        model=model,
        max_tokens=50,
        messages=user("Hi."),
        betas=["something-unheard-of-2031-01-01"],
        extra_body={"context_management": {"edits": []}, "unheard_of": {"a": [1]}},
    )
    assert text_of(answer)
