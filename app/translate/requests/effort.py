"""How hard the model shall think, both ways.

Messages has `output_config.effort` beside `thinking` (adaptive, or with a budget of tokens); chat
has `reasoning_effort`. Chat's levels are those of Messages and two more, `none` and `minimal`.
"""

from collections.abc import Mapping
from typing import Final

from app.domain.dialect import Dialect
from app.translate.reading import Body, Json, count, mapping, mappings, text

LOW_TOKENS_MAX: Final = 4_000
MEDIUM_TOKENS_MAX: Final = 10_000
"""Thinking budgets up to these count as low and medium: the steps that Claude Code's own words
for thinking (think, think hard, ultrathink) have made customary."""

CLEARING: Final = "clear_thinking_"
"""How the types of those edits of a context begin that take thinking out of it."""


def reasoning_effort(body: Json) -> str | None:
    """Return chat's `reasoning_effort` for a Messages request, or None to leave it unsaid.

    A request that disables thinking leaves it unsaid too: many models refuse `none`.
    """
    thinking = mapping(body.get("thinking"))
    if thinking.get("type") == "disabled":
        return None
    effort = text(mapping(body.get("output_config")).get("effort"))
    if effort in _EFFORTS:
        return effort
    budget = count(thinking.get("budget_tokens"))
    if thinking.get("type") != "enabled" or budget is None:
        return None
    if budget <= LOW_TOKENS_MAX:
        return "low"
    return "medium" if budget <= MEDIUM_TOKENS_MAX else "high"


def thinking(body: Json, *, may_think: bool) -> tuple[Body | None, str | None]:
    """Return the `thinking` and the effort of Messages for a chat request.

    Thinking is adaptive: current models take nothing else, and only so may a conversation go on
    whose earlier thinking is lost. Where it may not be asked for, the effort is.
    """
    asked = text(body.get("reasoning_effort"))
    if asked == "none":
        return {"type": "disabled"}, None
    effort = _OF_CHAT.get(asked)
    if effort is None:
        return None, None
    return ({"type": "adaptive"} if may_think else None), effort


def unasked(body: Body, dialect: Dialect) -> Body:
    """Return a request that says nothing of how hard to think, for models that refuse it."""
    if dialect == Dialect.CHAT:
        return {name: value for name, value in body.items() if name not in _OF_CHAT_ONLY}
    plain = without_thinking(body)
    config = dict(mapping(plain.get("output_config")))
    config.pop("effort", None)
    rest = {name: value for name, value in plain.items() if name != "output_config"}
    return {**rest, "output_config": config} if config else rest


def without_thinking(body: Body) -> Body:
    """Return a Messages request that does not ask for thinking.

    Nor does it ask for old thinking to be cleared, which the vendor refuses where there is none.
    """
    kept = {name: value for name, value in body.items() if name != "thinking"}
    management = mapping(kept.get("context_management"))
    edits = mappings(management.get("edits"))
    left = [edit for edit in edits if not text(edit.get("type")).startswith(CLEARING)]
    if len(left) < len(edits):
        kept["context_management"] = {**management, "edits": left}
    return kept


_EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
_OF_CHAT_ONLY: Final = frozenset({"reasoning_effort", "reasoning"})
"""What OpenAI calls it, and what OpenRouter does."""

_OF_CHAT: Final[Mapping[str, str]] = {"minimal": "low", **{each: each for each in _EFFORTS}}
