"""A Messages request as a Chat Completions one."""

import hashlib
from collections.abc import Mapping
from typing import Final

from app.translate.reading import Body, Json, count, mapping, number, said, text, word, words
from app.translate.requests.effort import reasoning_effort
from app.translate.requests.schema import is_strict
from app.translate.requests.tools_to_chat import tools
from app.translate.requests.turns_to_chat import turns

USER_CHARACTERS_MAX: Final = 64
"""What OpenAI takes as `user`. Claude Code sends more; a longer one is replaced by its SHA-256."""

FORMAT_NAME: Final = "answer"
"""Chat wants a name for a schema, Messages has none."""


def to_chat(body: Json, *, reasons: bool) -> Body:
    """Return the request. Fields that are not named here are dropped."""
    streamed = body.get("stream")
    return said(
        {
            "model": body.get("model"),
            "messages": turns(body),
            # The older name, max_tokens, is refused by OpenAI's reasoning models.
            "max_completion_tokens": count(body.get("max_tokens")),
            "temperature": number(body.get("temperature")),
            "top_p": number(body.get("top_p")),
            "stop": words(body.get("stop_sequences")) or None,
            **tools(body),
            "response_format": _response_format(body),
            "reasoning_effort": reasoning_effort(body) if reasons else None,
            "user": _user(mapping(body.get("metadata")).get("user_id")),
            "service_tier": _TIERS.get(text(body.get("service_tier"))),
            "stream": streamed if isinstance(streamed, bool) else None,
        }
    )


def _response_format(body: Json) -> Body | None:
    """Read `output_config.format`, or `output_format` as it was called before 2026-10-21."""
    wanted = mapping(mapping(body.get("output_config")).get("format")) or mapping(
        body.get("output_format")
    )
    schema = wanted.get("schema")
    if wanted.get("type") != "json_schema" or not isinstance(schema, dict):
        return None
    described = {"name": FORMAT_NAME, "schema": schema, "strict": is_strict(schema)}
    return {"type": "json_schema", "json_schema": described}


def _user(user_id: object) -> str | None:
    named = word(user_id)
    if named is None or len(named) <= USER_CHARACTERS_MAX:
        return named
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()


_TIERS: Final[Mapping[str, str]] = {"auto": "auto", "standard_only": "default"}
