"""A Chat Completions request as a Messages one."""

from collections.abc import Mapping
from typing import Final

from app.translate.reading import Body, Json, count, mapping, number, said, text, word, words
from app.translate.requests.effort import thinking
from app.translate.requests.schema import closed
from app.translate.requests.tools_to_messages import tools
from app.translate.requests.turns_to_messages import conversation

TEMPERATURE_MAX: Final = 1
"""Chat goes to 2."""

JSON_PROMPT: Final = "Answer with one valid JSON object and nothing else."
"""What chat's JSON mode becomes: Messages has no mode without a schema."""


def to_messages(body: Json, *, reasons: bool) -> Body:
    """Return the request. Fields that are not named here are dropped."""
    system, turns = conversation(body)
    offered = tools(body)
    wanted = mapping(body.get("response_format"))
    if wanted.get("type") == "json_object":
        system = "\n\n".join(each for each in (system, JSON_PROMPT) if each)
    thought, effort = None, None
    if reasons:
        thought, effort = thinking(body, may_think=_may_think(turns, offered))
    config = said({"format": _format(wanted), "effort": effort})
    streamed = body.get("stream")
    return said(
        {
            "model": body.get("model"),
            "max_tokens": _max_tokens(body),
            "system": system or None,
            "messages": turns,
            **offered,
            "stop_sequences": _stops(body),
            **_sampling(body, is_thinking=thought == {"type": "adaptive"}),
            "thinking": thought,
            "output_config": config or None,
            "metadata": _metadata(body),
            "service_tier": _TIERS.get(text(body.get("service_tier"))),
            "stream": streamed if isinstance(streamed, bool) else None,
        }
    )


def _may_think(turns: list[Body], offered: Body) -> bool:
    """Tell whether thinking may be asked for: not beside a forced call, nor beside a prefill."""
    forced = mapping(offered.get("tool_choice")).get("type") in ("any", "tool")
    return not forced and not (turns and turns[-1]["role"] == "assistant")


def _format(wanted: Json) -> Body | None:
    schema = mapping(wanted.get("json_schema")).get("schema")
    if wanted.get("type") != "json_schema" or not isinstance(schema, dict):
        return None
    return {"type": "json_schema", "schema": closed(schema)}


def _max_tokens(body: Json) -> int | None:
    return count(body.get("max_completion_tokens")) or count(body.get("max_tokens")) or None


def _stops(body: Json) -> list[str] | None:
    """Return the stop sequences that are more than white space; the vendor refuses the others."""
    return [each for each in words(body.get("stop")) if each.strip()] or None


def _sampling(body: Json, *, is_thinking: bool) -> Body:
    """Return how to sample: nothing beside thinking, and one of the two ways at most.

    Sources: "Extended thinking", feature compatibility, and the migration guide in the Claude
    documentation. A `top_p` of 1 changes nothing.
    """
    if is_thinking:
        return {}
    temperature, top_p = number(body.get("temperature")), number(body.get("top_p"))
    if temperature is not None:
        return {
            "temperature": max(0, min(temperature, TEMPERATURE_MAX)),
            "top_k": count(body.get("top_k")),
        }
    return {"top_p": None if top_p == 1 else top_p, "top_k": count(body.get("top_k"))}


def _metadata(body: Json) -> Body | None:
    user = word(body.get("safety_identifier")) or word(body.get("user"))
    return {"user_id": user} if user else None


_TIERS: Final[Mapping[str, str]] = {
    "auto": "auto",
    "scale": "auto",
    "priority": "auto",
    "fast": "auto",
    "default": "standard_only",
    "flex": "standard_only",
}
"""`auto` may use priority capacity, which clients that ask for no more than `default` forgo."""
