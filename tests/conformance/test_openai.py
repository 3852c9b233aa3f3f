"""The official OpenAI SDK, unmodified, on either upstream protocol."""

from typing import Any

import openai
import pytest

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "YPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def user(content: Any) -> Any:
    """Return the messages of one question."""
    return [{"role": "user", "content": content}]


def test_chat(chat: openai.OpenAI, model: str) -> None:
    """A plain completion has text, a finish reason, usage and the instrument's name."""
    answer = chat.chat.completions.create(model=model, messages=user("Describe a kettle."))
    assert answer.model == model
    assert answer.id.startswith("chatcmpl-")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_says_what_the_whole_answer_says(chat: openai.OpenAI, model: str) -> None:
    """The pieces of a stream make the answer that is given without one, usage included."""
    asked = user("Describe a lighthouse.")
    whole = chat.chat.completions.create(model=model, messages=asked)
    chunks = list(
        chat.chat.completions.create(
            model=model, messages=asked, stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.model for chunk in chunks} == {model}
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert whole.usage is not None
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens


def test_a_stream_without_usage_has_no_empty_chunk(chat: openai.OpenAI, model: str) -> None:
    """Code that takes the first choice of every chunk is safe unless it asked for usage."""
    stream = chat.chat.completions.create(model=model, messages=user("Hi."), stream=True)
    assert all(chunk.choices for chunk in stream)


def test_an_image_reaches_the_upstream(chat: openai.OpenAI, model: str) -> None:
    """A picture in a message is seen."""
    content = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PIXEL}},
    ]
    answer = chat.chat.completions.create(model=model, messages=user(content))
    assert (
        "1 " in (answer.choices[0].message.content or "")
        or "one" in (answer.choices[0].message.content or "").lower()
    )


@pytest.mark.parametrize("role", ["system", "developer"])
def test_instructions_are_heard(chat: openai.OpenAI, model: str, role: Any) -> None:
    """A system or developer message is part of the prompt, and costs its tokens."""
    short = chat.chat.completions.create(model=model, messages=user("Hello."))
    told = [{"role": role, "content": "You are terse. " * 40}, *user("Hello.")]
    longer = chat.chat.completions.create(model=model, messages=told)
    assert short.usage is not None
    assert longer.usage is not None
    assert longer.usage.prompt_tokens > short.usage.prompt_tokens + 50


def test_a_limit_ends_the_answer(chat: openai.OpenAI, model: str) -> None:
    """What max_completion_tokens cuts short says so."""
    answer = chat.chat.completions.create(
        model=model, messages=user("Describe a bridge."), max_completion_tokens=3
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 3


def test_a_refusal_is_told(chat: openai.OpenAI, model: str) -> None:
    """A refusing upstream ends in content_filter."""
    answer = chat.chat.completions.create(model=model, messages=user("please refuse"))
    assert answer.choices[0].finish_reason == "content_filter"


def test_models(chat: openai.OpenAI) -> None:
    """The catalog's instruments are listed, and each can be looked up in any letter case."""
    names = {each.id for each in chat.models.list()}
    assert {"openai-drain", "anthropic-drain"} <= names
    assert chat.models.retrieve("OpenAI-Drain").id == "openai-drain"


def test_stored_completions(chat: openai.OpenAI, model: str) -> None:
    """What was asked to be stored can be found by its metadata, changed and deleted."""
    answer = chat.chat.completions.create(
        model=model, messages=user("Keep this."), store=True, metadata={"trip": model}
    )
    listed = list(chat.chat.completions.list(metadata={"trip": model}))
    assert [each.id for each in listed] == [answer.id]
    assert chat.chat.completions.retrieve(answer.id).choices == answer.choices
    changed = chat.chat.completions.update(answer.id, metadata={"trip": "other"})
    assert changed.metadata == {"trip": "other"}
    (kept,) = chat.chat.completions.messages.list(answer.id)
    assert kept.content == "Keep this."
    assert chat.chat.completions.delete(answer.id).deleted
    with pytest.raises(openai.NotFoundError):
        chat.chat.completions.retrieve(answer.id)


def test_raw_responses(chat: openai.OpenAI, model: str) -> None:
    """Headers are there for those who look, and the body still parses."""
    raw = chat.chat.completions.with_raw_response.create(model=model, messages=user("Hi."))
    assert raw.headers["x-request-id"].startswith("req_")
    assert raw.headers["x-busbar-job-id"].startswith("job_")
    assert raw.parse().choices[0].message.content


def test_a_raw_stream(chat: openai.OpenAI, model: str) -> None:
    """A stream's headers are there before its end; they say the job's id, and no cache keeps it."""
    with chat.chat.completions.with_streaming_response.create(
        model=model, messages=user("Hi."), stream=True
    ) as raw:
        assert raw.headers["x-busbar-job-id"].startswith("job_")
        assert raw.headers["content-type"].startswith("text/event-stream")
        assert raw.headers["cache-control"] == "no-cache"
        assert "content-encoding" not in raw.headers
        assert [line for line in raw.iter_lines() if line][-1] == "data: [DONE]"


def test_what_nobody_knows_passes(chat: openai.OpenAI, model: str) -> None:
    """Unknown fields, parts, roles and service tiers are no error: clients are ahead of servers."""
    told: Any = [
        {"role": "platform", "content": "Be kind.", "weight": 2},
        {"role": "user", "content": [{"type": "text", "text": "Hi.", "mood": "merry"}]},
    ]
    answer = chat.chat.completions.create(
        model=model,
        messages=told,
        service_tier="flex",
        extra_body={"unheard_of": {"a": [1]}, "reasoning_effort": "low", "verbosity": "low"},
    )
    assert answer.choices[0].message.content


def test_who_asks_for_it_waits_elsewhere(house: Any, customer: Any, model: str) -> None:
    """A 202 is given to whoever prefers it, and the job can be waited for."""
    with openai.OpenAI(base_url=f"{house.server.url}/v1", api_key=customer.key) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=model, messages=user("Later."), extra_headers={"Prefer": "respond-async"}
        )
        assert raw.status_code == 202
        job = client.get(f"{raw.headers['location'].removeprefix('/v1')}?wait=20", cast_to=dict)
        assert job["status"] == "succeeded"
