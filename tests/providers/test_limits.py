"""How long an answer may get, and how long a model may think, as upstreams are told."""

import json
from typing import Any

import pytest

from app.domain.dialect import Dialect

from .calling import TOKENS_MAX, Asking
from .dialects import ANTHROPIC, OPENAI
from .peer import Peer, peer_of

HI: list[Any] = [{"role": "user", "content": "Hi"}]


def heard(asking: Asking, body: Any, **changes: Any) -> dict[str, Any]:
    """Return what an upstream is sent for a body."""
    with peer_of() as peer:
        peer.answers(asking.dialect.answer())
        asking.answered(peer.url, body, **changes)
        sent: dict[str, Any] = peer.heard[0].json
    return sent


def thought(asked: int, budget: int, held: int) -> tuple[int, int | None]:
    """Return the limit and the budget that are sent where so much is asked for and held."""
    body = {
        "max_tokens": asked,
        "messages": HI,
        "thinking": {"type": "enabled", "budget_tokens": budget, "display": "omitted"},
    }
    sent = heard(Asking(dialect=ANTHROPIC), body, output_tokens_max=held)
    assert sent.get("thinking", {"display": "omitted"})["display"] == "omitted"
    return sent["max_tokens"], sent.get("thinking", {}).get("budget_tokens")


@pytest.mark.parametrize(
    ("asked", "budget", "held", "told"),
    [
        (64_000, 31_999, 64_000, (64_000, 31_999)),
        (64_000, 31_999, 40_000, (40_000, 31_999)),
        (64_000, 31_999, 8_192, (8_192, 4_095)),
        (64_000, 63_000, 1_100, (1_100, 1_082)),
        (64_000, 10_000, 2_000, (2_000, 1_024)),
        (64_000, 31_999, 1_025, (1_025, 1_024)),
        (64_000, 31_999, 1_024, (1_024, None)),
        (64_000, 31_999, 100, (100, None)),
        (8_000, 20_000, 4_000, (4_000, 2_000)),
        (8_000, 20_000, 8_000, (8_000, 20_000)),
    ],
)
def test_a_budget_for_thinking_fits_into_a_lowered_limit(
    asked: int, budget: int, held: int, told: tuple[int, int | None]
) -> None:
    """It is lowered with the limit, stays at 1,024 or more and below it, or is dropped.

    What the client itself asked for is left for the vendor to judge.
    """
    assert thought(asked, budget, held) == told


def test_without_thinking_no_old_thinking_is_cleared() -> None:
    """The vendor refuses such an edit of the context where nothing is thought."""
    edits = [{"type": "clear_thinking_20251015", "keep": "all"}, {"type": "clear_tool_uses_1"}]
    body = {
        "max_tokens": 5_000,
        "messages": HI,
        "thinking": {"type": "enabled", "budget_tokens": 4_000},
        "context_management": {"edits": edits},
    }
    sent = heard(Asking(dialect=ANTHROPIC), body, output_tokens_max=500)
    assert "thinking" not in sent
    assert sent["context_management"] == {"edits": edits[1:]}


def test_adaptive_thinking_has_no_budget_to_lower() -> None:
    """It passes, whatever the limit."""
    body = {"max_tokens": 5_000, "messages": HI, "thinking": {"type": "adaptive"}}
    sent = heard(Asking(dialect=ANTHROPIC), body, output_tokens_max=500)
    assert (sent["max_tokens"], sent["thinking"]) == (500, {"type": "adaptive"})


@pytest.mark.parametrize(("choices", "limit"), [(1, 8_192), (3, 2_730)])
def test_a_chat_client_without_a_limit_gets_all_that_is_held(choices: int, limit: int) -> None:
    """Messages must have a limit: what was held, the instrument's own, for each choice."""
    body = {"messages": HI, "n": choices}
    sent = heard(Asking(dialect=ANTHROPIC), body, dialect=Dialect.CHAT, output_tokens_max=8_192)
    assert sent["max_tokens"] == limit


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, {"max_completion_tokens": TOKENS_MAX}),
        ({"max_tokens": 9}, {"max_tokens": 9}),
        ({"max_completion_tokens": 9}, {"max_completion_tokens": 9}),
        ({"max_tokens": 10**6}, {"max_tokens": TOKENS_MAX}),
    ],
)
def test_a_limit_goes_by_the_clients_name(asked: Any, told: Any) -> None:
    """As long as the catalog does not say which name the provider knows."""
    sent = heard(Asking(dialect=OPENAI), {"messages": HI, **asked})
    assert limits(sent) == told


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(
    ("asked", "limit"),
    [
        ({}, TOKENS_MAX),
        ({"max_tokens": 9}, 9),
        ({"max_completion_tokens": 9}, 9),
        ({"max_tokens": 9, "max_completion_tokens": 10}, 10),
        ({"max_completion_tokens": 10**6}, TOKENS_MAX),
        ({"max_tokens": None}, TOKENS_MAX),
    ],
)
def test_a_limit_goes_by_the_only_name_a_provider_knows(name: str, asked: Any, limit: int) -> None:
    """Servers run on and on where the limit has a name they do not read."""
    entry = {"output_limit_field": name}
    sent = heard(Asking(dialect=OPENAI), {"messages": HI, **asked}, entry=entry)
    assert limits(sent) == {name: limit}


def test_a_messages_clients_limit_goes_by_that_name_too() -> None:
    """Translation writes the newer name, the provider's entry another."""
    body = {"messages": HI, "max_tokens": 70}
    entry = {"output_limit_field": "max_tokens"}
    sent = heard(Asking(dialect=OPENAI), body, entry=entry, dialect=Dialect.MESSAGES)
    assert limits(sent) == {"max_tokens": 70}


@pytest.mark.parametrize("reason", ["end_turn", "max_tokens", "stop_sequence", "refusal", "new"])
def test_a_message_may_be_empty(peer: Peer, reason: str) -> None:
    """A model may have nothing to say: with a stop reason that is an answer, and paid for."""
    said = ANTHROPIC.answer(content=[], stop_reason=reason, usage=ANTHROPIC.counts(3, 1))
    peer.answers(said)
    for dialect in Dialect:
        answer = Asking(dialect=ANTHROPIC).answered(peer.url, dialect=dialect)
        assert answer.usage is not None
    body = json.loads(Asking(dialect=ANTHROPIC).answered(peer.url).body)
    assert (body["content"], body["stop_reason"]) == ([], reason)


def limits(sent: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that limit an answer."""
    return {name: value for name, value in sent.items() if name.startswith("max_")}
