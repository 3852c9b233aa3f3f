"""What messages are answered with when nothing goes wrong."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.simulator.running import MESSAGES, TIMEOUT_S, Simulator, said

from .reading import text

SHAPE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "weight": {"type": "integer", "minimum": 5}},
    "required": ["name", "weight"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "schema": SHAPE}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"
PICTURES = [
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
    {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    {"type": "text", "text": "What is this?"},
]
CHAT_PICTURES = [
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
    {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    {"type": "text", "text": "What is this?"},
]


def turn(role: str, content: object) -> dict[str, object]:
    """Return one message."""
    return {"role": role, "content": content}


TALK = [turn("user", "Hello."), turn("assistant", "Good day."), turn("user", "What is 3 + 4?")]


def test_a_message_has_the_vendors_fields(simulator: Simulator) -> None:
    """An answer is a message of the model that was asked, with its content, end and usage."""
    answered = simulator.message().json()
    assert answered["id"].startswith("msg_")
    assert {key: answered[key] for key in ("type", "role", "model", "stop_reason")} == {
        "type": "message",
        "role": "assistant",
        "model": "sim",
        "stop_reason": "end_turn",
    }
    assert answered["stop_sequence"] is None
    assert [block["type"] for block in answered["content"]] == ["text"]


@pytest.mark.parametrize("prompt", ["Explain the tides.", "What is 12 * 7?", "潮汐是什么"])
def test_both_protocols_say_the_same(simulator: Simulator, prompt: str) -> None:
    """One prompt gets one text, whichever protocol it is asked in."""
    assert text(simulator.message(prompt)) == said(simulator.chat(prompt))


def test_a_system_prompt_counts_like_a_system_message(simulator: Simulator) -> None:
    """A conversation with a system prompt is the same conversation in both protocols."""
    spoken = simulator.message(system=[{"type": "text", "text": "Be brief."}], messages=TALK)
    chat = simulator.chat(messages=[turn("system", "Be brief."), *TALK])
    assert text(spoken) == said(chat)
    assert spoken.json()["usage"]["input_tokens"] == chat.json()["usage"]["prompt_tokens"]


def test_a_system_message_may_stand_among_the_others(simulator: Simulator) -> None:
    """A system message inside the conversation is heard, and is not what the user asked."""
    turns = [turn("user", "Explain the tides."), turn("system", "Today is Monday.")]
    answered = text(simulator.message(messages=turns))
    assert answered != text(simulator.message())
    assert "Today" not in answered


def test_the_beta_path_is_the_same(simulator: Simulator) -> None:
    """A query that older clients add changes nothing."""
    plain, beta = simulator.message(), simulator.message(path=f"{MESSAGES}?beta=true")
    assert plain.content == beta.content


def test_reminders_of_a_coding_agent_are_no_question(simulator: Simulator) -> None:
    """What an agent wraps as a reminder is not taken for what the user said."""
    reminder = "<system-reminder>\nrun: rm -rf x\n</system-reminder>"
    blocks = [{"type": "text", "text": reminder}, {"type": "text", "text": "Explain the tides."}]
    assert "Explain the tides." in text(simulator.message(messages=[turn("user", blocks)]))


def test_the_stop_sequence_that_was_met_is_named(simulator: Simulator) -> None:
    """An answer ends before the stop sequence, and says which one it was."""
    whole = text(simulator.message())
    answered = simulator.message(stop_sequences=["nowhere to be found", " the "])
    assert text(answered) == whole.split(" the ", maxsplit=1)[0]
    ended = answered.json()
    assert (ended["stop_reason"], ended["stop_sequence"]) == ("stop_sequence", " the ")


def test_a_limit_cuts_the_answer(simulator: Simulator) -> None:
    """A limited answer is the beginning of the whole one, within the limit, and says so."""
    answered = simulator.message(max_tokens=4)
    assert answered.json()["stop_reason"] == "max_tokens"
    assert answered.json()["usage"]["output_tokens"] <= 4
    assert text(simulator.message()).startswith(text(answered))


def test_a_json_answer_fits_its_schema(simulator: Simulator) -> None:
    """A schema is met where it is written now and where it was before, as in the other protocol."""
    described = {"name": "s", "schema": SHAPE}
    chat = simulator.chat(response_format={"type": "json_schema", "json_schema": described})
    now = text(simulator.message(output_config={"format": FORMAT, "effort": "low"}))
    before = text(simulator.message(output_format=FORMAT))
    Draft202012Validator(SHAPE).validate(json.loads(now))
    assert now == before == said(chat)


def test_pictures_are_seen_and_charged(simulator: Simulator) -> None:
    """An answer says how many pictures came, and their weight is the same in both protocols."""
    answered = simulator.message(messages=[turn("user", PICTURES)])
    chat = simulator.chat(messages=[turn("user", CHAT_PICTURES)])
    assert text(answered).startswith("I see 2 images. ")
    assert said(chat) == text(answered)
    alone = simulator.message("What is this?").json()["usage"]["input_tokens"]
    charged = answered.json()["usage"]["input_tokens"]
    assert charged == chat.json()["usage"]["prompt_tokens"] > alone


def test_a_document_is_read(simulator: Simulator) -> None:
    """The text of a document is part of the prompt."""
    source = {"type": "text", "media_type": "text/plain", "data": "x" * 400}
    blocks = [{"type": "document", "source": source}, {"type": "text", "text": "Sum it up."}]
    usage = simulator.message(messages=[turn("user", blocks)]).json()["usage"]
    assert usage["input_tokens"] >= 100


@pytest.mark.parametrize(
    ("prompt", "blocks"), [("Please refuse this.", 1), ("please refuse silently", 0)]
)
def test_a_refusal_says_that_it_is_one(simulator: Simulator, prompt: str, blocks: int) -> None:
    """A prompt that asks for it is refused, with words or without any."""
    refused = simulator.message(prompt).json()
    assert (refused["stop_reason"], refused["stop_details"]["type"]) == ("refusal", "refusal")
    assert len(refused["content"]) == blocks


def test_a_refusal_is_told_apart_in_chat(simulator: Simulator) -> None:
    """In the chat protocol a refusal is no content, and its words are those of the other one."""
    (choice,) = simulator.chat("please refuse").json()["choices"]
    assert (choice["finish_reason"], choice["message"]["content"]) == ("content_filter", None)
    assert choice["message"]["refusal"] == text(simulator.message("please refuse"))


def test_usage_is_honest_and_nothing_is_cached(simulator: Simulator) -> None:
    """Usage has the prompt's and the answer's weight, and zeros for what caches would do."""
    answered = simulator.message("x" * 4_003)
    usage: dict[str, Any] = answered.json()["usage"]
    assert usage["input_tokens"] == 1_000
    assert usage["output_tokens"] == len(text(answered)) // 4
    assert usage["cache_creation_input_tokens"] == usage["cache_read_input_tokens"] == 0
    assert set(usage["cache_creation"].values()) == {0}


def test_a_request_has_an_id(simulator: Simulator) -> None:
    """Each vendor's own header carries the request's id."""
    assert simulator.message().headers["request-id"].startswith("req_")
    assert simulator.chat().headers["x-request-id"].startswith("req_")


def test_other_urls_and_methods_are_refused_in_this_envelope(simulator: Simulator) -> None:
    """Around the messages, errors have the envelope of the messages."""
    lost = simulator.session.get(f"{simulator.url}{MESSAGES}/nothing", timeout=TIMEOUT_S)
    wrong = simulator.session.get(f"{simulator.url}{MESSAGES}", timeout=TIMEOUT_S)
    assert (lost.status_code, lost.json()["error"]["type"]) == (404, "not_found_error")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "POST")
    assert wrong.json()["type"] == "error"
