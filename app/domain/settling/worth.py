"""Whether an answer is paid for, and whether its count of tokens can be believed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.domain.attempt import Answer, Flag
from app.domain.instrument import Specification
from app.domain.pricing import Usage

BELIEVED_FACTOR: Final = 2
"""Counters of tokens differ, but not by more: what is above so many times the bound is no count."""

THROUGHPUT_TOKENS_MIN: Final = 100
"""Shorter answers tell nothing of how many tokens a second a provider gives."""

FREE: Final = frozenset({Flag.EMPTY, Flag.OUT_OF_SPEC})
"""What makes an answer cost its buyer nothing."""

CUT_BY_REQUEST: Final = frozenset({"length", "max_tokens", "model_context_window_exceeded"})
"""How both dialects say that an answer reached a limit its request had set."""


def believed(usage: Usage | None, *, input_tokens_max: int, output_tokens_max: int) -> Usage | None:
    """Return a usage report, or None when there is none that can be."""
    if usage is None:
        return None
    fits = (
        0 <= usage.input_tokens <= BELIEVED_FACTOR * input_tokens_max
        and 0 <= usage.output_tokens <= BELIEVED_FACTOR * output_tokens_max
    )
    return usage if fits else None


def flag_of(answer: Answer, usage: Usage | None, spec: Specification | None) -> Flag | None:
    """Return what is to be remembered of an answer; `usage` is what is believed of its report.

    One flag, the gravest: what makes it free, then what is odd about its usage.
    """
    if answer.partial:
        return Flag.PARTIAL
    if "empty" in answer.flags:
        return Flag.EMPTY
    if spec is not None and _misses(answer, usage, spec):
        return Flag.OUT_OF_SPEC
    if usage is not None:
        return None
    is_missing = answer.usage is None and not {"usage_invalid", "usage_absurd"} & {*answer.flags}
    return Flag.MISSING if is_missing else Flag.CLAMPED


def is_empty(body: Mapping[str, Any]) -> bool:
    """True when an answer of either dialect has nothing its buyer could use.

    No text, no tool call, no refusal, no visible thinking. One that was cut off by a limit of its
    own request is no less than what was asked for.
    """
    choices = body.get("choices")
    if isinstance(choices, list):
        return all(isinstance(choice, Mapping) and _is_bare(choice) for choice in choices)
    content = body.get("content")
    if not isinstance(content, list) or body.get("stop_reason") in CUT_BY_REQUEST:
        return False
    return not any(_says(block) for block in content)


def _is_bare(choice: Mapping[str, Any]) -> bool:
    message = choice.get("message")
    if not isinstance(message, Mapping) or choice.get("finish_reason") in CUT_BY_REQUEST:
        return False
    return not any(_says(value) for name, value in message.items() if name not in _NOT_SAID)


def _says(value: Any) -> bool:
    """True when a part of a message holds anything but blanks."""
    if isinstance(value, str):
        return bool(value.strip())
    if isinstance(value, Mapping):
        # A block that is not text stands for something done, however little it says.
        words = [value[name] for name in ("text", "thinking") if name in value]
        return any(map(_says, words)) if words else bool(value)
    if isinstance(value, Sequence):
        return any(map(_says, value))
    return value is not None


def _misses(answer: Answer, usage: Usage | None, spec: Specification) -> bool:
    first_ms, call_ms = answer.first_token_ms, answer.call_ms
    if first_ms is None:
        return False  # Only streams tell when their first token came.
    if spec.ttft_max_s is not None and first_ms > spec.ttft_max_s * 1_000:
        return True
    if spec.throughput_min_tps is None or usage is None or call_ms is None:
        return False
    if usage.output_tokens < THROUGHPUT_TOKENS_MIN:
        return False
    return usage.output_tokens * 1_000 < spec.throughput_min_tps * (call_ms - first_ms)


_NOT_SAID: Final = frozenset({"role", "annotations"})
