"""The estimate of a prompt's tokens."""

from typing import Any

import pytest

from app.wire.anthropic.counting import TOKENS_AROUND_TOOLS, TOKENS_PER_MEDIUM, estimate

ENGLISH = "The quick brown fox jumps over the lazy dog near the bank of a river. " * 100
CHINESE = "敏捷的棕色狐狸跳过了河岸边那只懒惰的狗。" * 100
RUSSIAN = "Быстрая бурая лиса перепрыгнула через ленивую собаку возле реки. " * 100


def tokens(content: Any, **fields: Any) -> int:
    """Return the estimate of one message."""
    return estimate({"model": "m", "messages": [{"role": "user", "content": content}], **fields})


def test_a_tiny_prompt_is_a_few_tokens() -> None:
    """A single word comes to what its template takes, and little more."""
    assert tokens("foo") == 8


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [(ENGLISH, 1_400, 2_000), (CHINESE, 1_600, 2_400), (RUSSIAN, 1_800, 4_200)],
    ids=["english", "chinese", "russian"],
)
def test_an_estimate_is_about_right(text: str, least: int, most: int) -> None:
    """Common tokenizers make between the two bounds of such a text."""
    assert least <= tokens(text) <= most


def test_blocks_of_text_count_as_their_text() -> None:
    """Marks around a block are no tokens of the caller's."""
    marked = {"type": "text", "text": ENGLISH, "cache_control": {"type": "ephemeral"}}
    assert tokens([marked]) == tokens(ENGLISH)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_use", "id": "t", "name": "f", "input": {"q": ENGLISH}},
        {"type": "tool_result", "tool_use_id": "t", "content": ENGLISH},
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": ENGLISH}]},
        {"type": "thinking", "thinking": ENGLISH, "signature": "s" * 9_000},
        {"type": "document", "source": {"type": "text", "data": ENGLISH}},
        {"type": "of_next_year", "said": ENGLISH},
    ],
    ids=lambda block: str(block)[:40],
)
def test_text_counts_in_every_block(block: dict[str, Any]) -> None:
    """Calls, results and thoughts are about as long as the text in them."""
    assert tokens(ENGLISH) * 0.9 <= tokens([block]) <= tokens(ENGLISH) * 1.5


@pytest.mark.parametrize("kind", ["image", "document"])
def test_an_image_counts_as_one_whatever_its_bytes(kind: str) -> None:
    """Base64 is not text."""
    block = {"type": kind, "source": {"type": "base64", "data": "A" * 500_000}}
    assert tokens([block]) - tokens([]) == TOKENS_PER_MEDIUM


def test_what_a_provider_has_hidden_counts_nothing() -> None:
    """Redacted thoughts of earlier turns are not put into the next prompt."""
    assert tokens([{"type": "redacted_thinking", "data": "A" * 5_000}]) == tokens([])


@pytest.mark.parametrize("system", [ENGLISH, [{"type": "text", "text": ENGLISH}]])
def test_the_system_prompt_counts(system: object) -> None:
    """As text or in blocks."""
    assert tokens("foo", system=system) == tokens("foo") + tokens(ENGLISH) - tokens("")


def test_tools_count_with_what_is_written_around_them() -> None:
    """The first tool costs an explanation of tools, each further one what it says."""
    tool = {"name": "f", "description": ENGLISH, "input_schema": {"type": "object"}}
    one, two = tokens("foo", tools=[tool]), tokens("foo", tools=[tool, tool])
    assert two - one == one - tokens("foo") - TOKENS_AROUND_TOOLS > tokens(ENGLISH)


def test_a_choice_of_tools_counts() -> None:
    """A forced tool is named in the prompt."""
    tools = [{"name": "f", "input_schema": {}}]
    choice = {"type": "tool", "name": "f"}
    assert tokens("foo", tools=tools, tool_choice=choice) > tokens("foo", tools=tools)


@pytest.mark.parametrize("kind", ["enabled", "adaptive"])
def test_thinking_that_is_on_counts(kind: str) -> None:
    """A model that shall think is told so."""
    assert tokens("foo", thinking={"type": kind}) > tokens("foo")


def test_thinking_that_is_off_counts_nothing() -> None:
    """A model that shall not think is told nothing."""
    assert tokens("foo", thinking={"type": "disabled"}) == tokens("foo")


def test_a_message_more_is_never_less() -> None:
    """Every message adds to the estimate, an empty one too."""
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "foo"}]}
    before = estimate(body)
    body["messages"].append({"role": "assistant", "content": ""})
    assert estimate(body) > before
