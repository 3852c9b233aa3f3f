"""Answers that were cut short, and what they are taken to have cost."""

import json
from typing import Any

import pytest

from app.domain.attempt import Answer
from app.domain.dialect import Dialect
from app.domain.pricing import Usage
from app.providers.base import Call
from app.providers.estimates import part_of, report_so_far
from app.translate import StreamTranslator
from app.wire.anthropic.counting import TOKENS_PER_MEDIUM

from .calling import INSTRUMENT, JOB, MODEL

HELD = 200_000
PICTURE = "A" * 1_000_000
TEXT = "So it is, as far as anybody knows."
ASKED: dict[Dialect, Any] = {
    Dialect.CHAT: [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
    ],
    Dialect.MESSAGES: [
        {"type": "text", "text": "What is this?"},
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": PICTURE},
        },
    ],
}


def call(client: Dialect) -> Call:
    """Return a call with a picture of a megabyte."""
    asked = {"model": INSTRUMENT, "messages": [{"role": "user", "content": ASKED[client]}]}
    return Call(
        job_id=JOB,
        attempt=1,
        dialect=client,
        instrument=INSTRUMENT,
        model=MODEL,
        request=json.dumps({**asked, "max_tokens": 100}).encode(),
        input_tokens_max=HELD,
        output_tokens_max=100,
        timeout_s=10,
    )


def told(upstream: Dialect, client: Dialect, *events: Any) -> StreamTranslator:
    """Return a stream of which these events have come."""
    stream = StreamTranslator(
        upstream, client, id="a", model=INSTRUMENT, created=1, include_usage=False
    )
    for event in events:
        stream.feed(event)
    return stream


def usage(client: Dialect, stream: StreamTranslator, known: Usage | None) -> Usage:
    """Return the usage of what has come."""
    part = part_of(call(client), stream, known)
    assert isinstance(part, Answer)
    assert part.partial
    assert part.usage is not None
    return part.usage


SPOKEN = [{"choices": [{"index": 0, "delta": {"content": TEXT}, "finish_reason": None}]}]
ENDED = [*SPOKEN, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]


@pytest.mark.parametrize("client", Dialect)
def test_a_picture_is_not_weighed_by_its_bytes(client: Dialect) -> None:
    """Where the upstream tells nothing, a prompt counts as `count_tokens` would count it."""
    found = usage(client, told(Dialect.CHAT, client, *SPOKEN), None)
    assert TOKENS_PER_MEDIUM < found.input_tokens < TOKENS_PER_MEDIUM + 50
    assert found.output_tokens == -(-len(TEXT) // 3)


@pytest.mark.parametrize("client", Dialect)
def test_what_the_upstream_told_counts(client: Dialect) -> None:
    """The input it named stands; the words that came since are guessed."""
    known = Usage(input_tokens=1_234, output_tokens=1, cached_tokens=7)
    found = usage(client, told(Dialect.CHAT, client, *SPOKEN), known)
    assert (found.input_tokens, found.cached_tokens) == (1_234, 7)
    assert found.output_tokens == -(-len(TEXT) // 3)


def test_a_report_at_the_end_is_exact() -> None:
    """Who leaves between the usage and the goodbye pays what was used."""
    known = Usage(input_tokens=1_234, output_tokens=5)
    stream = told(Dialect.CHAT, Dialect.CHAT, *ENDED)
    assert usage(Dialect.CHAT, stream, known) == known


def test_no_guess_passes_the_hold() -> None:
    """What is guessed is never more than was held for."""
    long = {"choices": [{"index": 0, "delta": {"content": TEXT * 100}, "finish_reason": None}]}
    found = usage(Dialect.CHAT, told(Dialect.CHAT, Dialect.CHAT, long), None)
    assert found.output_tokens == 100


def test_a_report_of_the_input_alone_is_one() -> None:
    """An upstream that names its input when it begins may say nothing of its output then."""
    begun = {
        "type": "message_start",
        "message": {"id": "m", "role": "assistant", "content": [], "usage": {"input_tokens": 7}},
    }
    stream = told(Dialect.MESSAGES, Dialect.MESSAGES, begun)
    report = report_so_far(stream)
    assert report is not None
    assert (report["input_tokens"], report["output_tokens"]) == (7, 0)
    assert report_so_far(told(Dialect.CHAT, Dialect.CHAT, *SPOKEN)) is None
