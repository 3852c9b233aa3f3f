"""Cost is rounded up once; a hold bounds whatever a call can cost."""

import json
import unicodedata
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.pricing import (
    TOKENS_PER_MESSAGE,
    TOKENS_PER_PRICE,
    TOKENS_PER_REQUEST,
    Price,
    Usage,
    cost,
    hold_amount,
    input_bound,
)

CONTEXT = 128_000
GROWS = "\ufdfa"  # one character, 3 bytes; 18 characters, 33 bytes in NFKC

tokens = st.integers(0, 10**9)
prices = st.builds(Price, input_nanos=st.integers(0, 10**12), output_nanos=st.integers(0, 10**12))
texts = st.text(st.characters() | st.just(GROWS), max_size=40)


def bound(messages: list[Any], *extras: bytes) -> int:
    """Return the bound of a prompt for an instrument with a context of CONTEXT tokens."""
    return input_bound(messages, extras, context_tokens=CONTEXT)


def said(content: Any, **fields: Any) -> dict[str, Any]:
    """Return a user's message."""
    return {"role": "user", "content": content, **fields}


def weight(text: str) -> int:
    """Return the most tokens a byte-level tokenizer makes of a text, normalising or not."""
    forms = (text, unicodedata.normalize("NFKC", text))
    return max(len(form.encode("utf-8", "surrogatepass")) for form in forms)


@given(tokens, tokens, prices)
def test_a_cost_is_rounded_up_once(sent: int, got: int, price: Price) -> None:
    """The cost is the exact price of both sides, and less than one nano-dollar above it."""
    exact = Fraction(sent * price.input_nanos + got * price.output_nanos, TOKENS_PER_PRICE)
    paid = cost(Usage(input_tokens=sent, output_tokens=got), price)
    assert exact <= paid < exact + 1


def test_both_sides_are_rounded_together() -> None:
    """Two halves of a nano-dollar cost one, not two."""
    price = Price(input_nanos=500_000, output_nanos=500_000)
    assert cost(Usage(input_tokens=1, output_tokens=1), price) == 1
    assert cost(Usage(input_tokens=1, output_tokens=0), price) == 1
    assert cost(Usage(input_tokens=0, output_tokens=0), price) == 0


def test_details_cost_nothing_more() -> None:
    """Cached and reasoning tokens are parts of the sums, which are paid once."""
    price = Price(input_nanos=7, output_nanos=11)
    plain = Usage(input_tokens=10**6, output_tokens=10**6)
    told = Usage(
        input_tokens=10**6, output_tokens=10**6, cached_tokens=10**6, reasoning_tokens=10**6
    )
    assert cost(told, price) == cost(plain, price) == 18


@given(tokens, tokens, prices, st.data())
def test_a_hold_covers_every_call_within_its_bounds(
    sent_max: int, got_max: int, price: Price, data: st.DataObject
) -> None:
    """No usage within the bounds costs more than was held for them."""
    used = Usage(
        input_tokens=data.draw(st.integers(0, sent_max)),
        output_tokens=data.draw(st.integers(0, got_max)),
    )
    assert cost(used, price) <= hold_amount(sent_max, got_max, price)


@given(st.lists(texts, max_size=5))
def test_a_prompt_never_has_more_tokens_than_its_bound(contents: list[str]) -> None:
    """Text counts with its UTF-8 bytes, in the longer of its plain and its NFKC form."""
    needed = sum(weight(content) + TOKENS_PER_MESSAGE for content in contents)
    assert bound([said(content) for content in contents]) >= needed + TOKENS_PER_REQUEST


@given(st.lists(texts, max_size=5))
def test_text_in_parts_weighs_no_less(contents: list[str]) -> None:
    """A message in parts is bounded by the text of all of them, joined."""
    parts = [{"type": "text", "text": content} for content in contents]
    assert bound([said(parts)]) >= bound([said("".join(contents))])


def test_a_character_that_grows_counts_grown() -> None:
    """A ligature of 3 bytes that NFKC writes out in 33 counts as 33."""
    assert bound([said(GROWS)]) - bound([said("")]) == 33


def test_half_a_surrogate_pair_is_weighed_too() -> None:
    """Text that is not quite Unicode has a bound like any other."""
    assert bound([said("\ud83d")]) - bound([said("")]) == 3


@pytest.mark.parametrize(
    "extra",
    [
        {"name": "Ada" * 50},
        {"tool_calls": [{"type": "function", "function": {"arguments": "x" * 150}}]},
        {"reasoning_content": "x" * 150},
        {"unheard_of": {"deep": [{"deeper": "x" * 150}]}},
        {"x" * 150: None},
    ],
)
def test_whatever_else_a_message_holds_counts(extra: dict[str, Any]) -> None:
    """Names, tool calls and fields nobody has heard of count with all their text."""
    assert bound([said("hi", **extra)]) >= bound([said("hi")]) + 150


@pytest.mark.parametrize("value", [1234567890, -0.125, True, 10**100])
def test_numbers_count_as_they_are_written(value: float) -> None:
    """A number in a message weighs at least the text a template would make of it."""
    plain = bound([said("", field="")])
    assert bound([said("", field=value)]) - plain >= len(json.dumps(value))


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file", "video_url", "", None, 7])
def test_a_part_of_unknown_size_counts_as_the_whole_context(kind: object) -> None:
    """What is not text may be as large as the context allows, so that is what is held for."""
    parts = [{"type": "text", "text": "look:"}, {"type": kind, "data": "tiny"}]
    assert bound([said("a"), said(parts), said("b")]) == CONTEXT


@pytest.mark.parametrize("kind", [["text"], {"text": 1}])
def test_a_type_that_is_not_even_a_name_counts_as_unknown(kind: object) -> None:
    """A part whose type is a list or an object is of unknown size, and nothing breaks on it."""
    assert bound([said([{"type": kind, "text": "hi"}])]) == CONTEXT


def test_a_part_of_unknown_size_is_found_at_any_depth() -> None:
    """An image inside a tool's result counts as one anywhere else."""
    inside = {"type": "text", "text": "a", "more": [{"type": "image_url", "image_url": {}}]}
    assert bound([said([inside])]) == CONTEXT


def test_tools_and_schemas_count_with_their_bytes() -> None:
    """What stands beside the messages counts as it is encoded."""
    assert bound([said("hi")], b"x" * 100, b"y" * 23) == bound([said("hi")]) + 123


def test_tools_that_grow_count_grown() -> None:
    """A tool's description goes through the same tokenizer as the text, and may grow there."""
    described = json.dumps([{"description": GROWS * 100}], ensure_ascii=False)
    assert bound([], described.encode()) >= weight(described)


@given(st.lists(texts, max_size=4), texts)
def test_a_message_more_never_weighs_less(contents: list[str], more: str) -> None:
    """The bound grows with every message."""
    messages = [said(content) for content in contents]
    assert bound([*messages, said(more)]) > bound(messages)
