"""How hard the model shall think, both ways.

Messages has `output_config.effort` beside `thinking` (adaptive, or with a budget of tokens); chat
has `reasoning_effort`. Chat's levels are those of Messages and two more, `none` and `minimal`.
"""

from collections.abc import Mapping
from typing import Final

from app.translate.reading import Body, Json, count, mapping, text

LOW_TOKENS_MAX: Final = 4_000
MEDIUM_TOKENS_MAX: Final = 10_000
"""Thinking budgets up to these count as low and medium: the steps that Claude Code's own words
for thinking (think, think hard, ultrathink) have made customary."""


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


_EFFORTS: Final = ("low", "medium", "high", "xhigh", "max")
_OF_CHAT: Final[Mapping[str, str]] = {"minimal": "low", **{each: each for each in _EFFORTS}}
