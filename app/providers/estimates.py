"""An answer that was cut short, and what it has cost: what its upstream told, else a guess.

The Messages API tells the input when it begins ("message_start"), Chat Completions only at the end.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from app.domain.attempt import Answer, Failure
from app.domain.dialect import Dialect
from app.domain.pricing import Usage
from app.providers.base import Call
from app.providers.outcomes import encoded
from app.translate import StreamTranslator, request
from app.wire.anthropic import counting

CHARACTERS_PER_TOKEN: Final = 3
"""What a guess takes an answer's token for; few languages have shorter ones."""


def part_of(call: Call, told: StreamTranslator, known: Usage | None) -> Answer | Failure:
    """Return what has come of an answer; `known` is the upstream's report so far, if any.

    What is guessed of its usage is never more than was held for.
    """
    part = encoded(told.whole(), _usage(call, told, known), ("cut_short",))
    return replace(part, partial=True) if isinstance(part, Answer) else part


def report_so_far(told: StreamTranslator) -> Mapping[str, Any] | None:
    """Return what the upstream has told of its usage, as if it had told of its output, too."""
    if told.usage is None:
        return None
    known = {name: value for name, value in told.usage.items() if value is not None}
    return {"output_tokens": 0, "completion_tokens": 0, **known}


def _usage(call: Call, told: StreamTranslator, known: Usage | None) -> Usage:
    if known is not None and told.finished:
        return known
    got = min(-(-told.text_characters // CHARACTERS_PER_TOKEN), call.output_tokens_max)
    if known is not None:
        # Reports that come along with the answer lag behind it.
        return replace(known, output_tokens=max(known.output_tokens, got))
    return Usage(input_tokens=min(_input(call), call.input_tokens_max), output_tokens=got)


def _input(call: Call) -> int:
    """Count a prompt as `count_tokens` does: its text, and a fixed number for each picture."""
    asked = request(json.loads(call.request), call.dialect, Dialect.MESSAGES)
    return counting.estimate(asked)
