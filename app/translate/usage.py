"""Usage reports: merged over a stream, and carried from one dialect's counting to the other's.

OpenAI's `prompt_tokens` includes tokens read from a cache, Anthropic's `input_tokens` does not
("Total input tokens in a request is the summation of `input_tokens`,
`cache_creation_input_tokens`, and `cache_read_input_tokens`", Messages API reference).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.domain.dialect import Dialect
from app.translate.reading import Body, Json, count, mapping, said, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one answer; the three kinds of input do not overlap. `tier` is in chat's words."""

    input_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int | None = None
    tier: str | None = None


def reported(event: Json, dialect: Dialect) -> Json:
    """Return the usage report that an event, or a whole answer, carries; empty if none."""
    if dialect == Dialect.MESSAGES and event.get("type") == "message_start":
        return mapping(mapping(event.get("message")).get("usage"))
    return mapping(event.get("usage"))


def merged(known: Body | None, report: Json) -> Body | None:
    """Return what is known after one more report.

    Both vendors' counts are cumulative, so of two the larger one is the later; servers that
    repeat a count as 0 or null do not erase it.
    """
    if not report:
        return known
    result = _later(known or {}, report)
    for name, value in report.items():
        old = (known or {}).get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            result[name] = _later(old, value)
    return result


def read(report: Json | None, dialect: Dialect, tier: object = None) -> Usage | None:
    """Return a report in the common form, or None when there is none."""
    if report is None:
        return None
    return _of_chat(report, tier) if dialect == Dialect.CHAT else _of_messages(report)


def to_chat(usage: Usage) -> Body:
    """Return the `usage` of a chat completion."""
    sent = usage.input_tokens + usage.cached_tokens + usage.written_tokens
    details = {"cached_tokens": usage.cached_tokens}
    if usage.written_tokens:
        details["cache_write_tokens"] = usage.written_tokens
    report = {
        "prompt_tokens": sent,
        "completion_tokens": usage.output_tokens,
        "total_tokens": sent + usage.output_tokens,
        "prompt_tokens_details": details,
    }
    if usage.reasoning_tokens is not None:
        report["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return report


def to_messages(usage: Usage) -> Body:
    """Return the `usage` of a message."""
    thought = usage.reasoning_tokens
    return said(
        {
            "input_tokens": usage.input_tokens,
            "cache_creation_input_tokens": usage.written_tokens,
            "cache_read_input_tokens": usage.cached_tokens,
            "output_tokens": usage.output_tokens,
            "output_tokens_details": None if thought is None else {"thinking_tokens": thought},
            "service_tier": _TIER_OF_CHAT.get(usage.tier or ""),
        }
    )


def _later(known: Json, report: Json) -> Body:
    result = dict(known)
    for name, value in report.items():
        before, now = count(result.get(name)), count(value)
        if before is not None and now is not None:
            result[name] = max(before, now)
        elif value is not None or name not in result:
            result[name] = value
    return result


def _of_chat(report: Json, tier: object) -> Usage:
    details = mapping(report.get("prompt_tokens_details"))
    sent = count(report.get("prompt_tokens")) or 0
    cached = min(count(details.get("cached_tokens")) or 0, sent)
    written = min(count(details.get("cache_write_tokens")) or 0, sent - cached)
    thought = mapping(report.get("completion_tokens_details")).get("reasoning_tokens")
    return Usage(
        input_tokens=sent - cached - written,
        cached_tokens=cached,
        written_tokens=written,
        output_tokens=count(report.get("completion_tokens")) or 0,
        reasoning_tokens=count(thought),
        tier=text(tier) or None,
    )


def _of_messages(report: Json) -> Usage:
    thought = mapping(report.get("output_tokens_details")).get("thinking_tokens")
    return Usage(
        input_tokens=count(report.get("input_tokens")) or 0,
        cached_tokens=count(report.get("cache_read_input_tokens")) or 0,
        written_tokens=count(report.get("cache_creation_input_tokens")) or 0,
        output_tokens=count(report.get("output_tokens")) or 0,
        reasoning_tokens=count(thought),
        tier=_TIER_OF_MESSAGES.get(text(report.get("service_tier"))),
    )


_TIER_OF_MESSAGES: Final[Mapping[str, str]] = {"standard": "default", "priority": "priority"}
_TIER_OF_CHAT: Final[Mapping[str, str]] = {
    "default": "standard",
    "flex": "standard",
    "priority": "priority",
    "scale": "priority",
    "fast": "priority",
}
