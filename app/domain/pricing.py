"""Prices, usage, and the one place where money is rounded."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

TOKENS_PER_PRICE: Final = 1_000_000
"""Prices are nano-dollars per this many tokens."""

TOKENS_PER_MESSAGE: Final = 16
TOKENS_PER_REQUEST: Final = 64
"""Allowances for what a chat template adds around the text, per message and per request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What an instrument costs: nano-dollars per million tokens."""

    input_nanos: int
    output_nanos: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the provider reported them; cached and reasoning ones are parts of the sums."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


def cost(usage: Usage, price: Price) -> int:
    """Return the cost in nano-dollars: the one place money is rounded, up, once per call."""
    parts = usage.input_tokens * price.input_nanos + usage.output_tokens * price.output_nanos
    return -(-parts // TOKENS_PER_PRICE)


def uncovered(usage: Usage, tokens: int) -> Usage:
    """Return what is left of a usage when the first `tokens`, input first, are paid otherwise."""
    input_tokens = max(0, usage.input_tokens - tokens)
    paid = tokens - (usage.input_tokens - input_tokens)
    output_tokens = max(0, usage.output_tokens - paid)
    return Usage(input_tokens=input_tokens, output_tokens=output_tokens)


def calibrated(input_tokens_max: int, ratio_ppm: int) -> int:
    """Return the bound of a prompt's tokens lowered by what its instrument's prompts really have.

    `ratio_ppm`: millionths of the bound that all but one prompt of a thousand stay under.
    """
    return max(1, -(-input_tokens_max * ratio_ppm // 1_000_000))


def hold_amount(input_tokens_max: int, output_tokens_max: int, price: Price) -> int:
    """Return what a job may cost at most, in nano-dollars."""
    return cost(Usage(input_tokens=input_tokens_max, output_tokens=output_tokens_max), price)


def input_bound(messages: Iterable[Any], extras: Iterable[bytes], *, context_tokens: int) -> int:
    """Return a true upper bound of a prompt's tokens, without a tokenizer (DESIGN §5).

    A byte-level tokenizer never makes more tokens than UTF-8 bytes; some normalise to NFKC first,
    which may lengthen the text, so the longer form counts. `extras` are the encoded tool
    definitions and schemas. A part that is not text (an image, a file) counts as the whole context.
    """
    total = TOKENS_PER_REQUEST + sum(
        _text_bytes(extra.decode("utf-8", "surrogatepass")) for extra in extras
    )
    for message in messages:
        total += TOKENS_PER_MESSAGE
        for leaf in _leaves(message):
            if leaf is None:
                return context_tokens
            total += _text_bytes(leaf)
    return total


def _text_bytes(text: str) -> int:
    if text.isascii():
        return len(text)
    plain = len(text.encode("utf-8", "surrogatepass"))
    return max(plain, len(unicodedata.normalize("NFKC", text).encode("utf-8", "surrogatepass")))


def _leaves(value: Any) -> Iterable[str | None]:
    """Yield every text inside a message; None stands for a part whose size is not known."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        kind = value.get("type", "text")
        if isinstance(kind, str) and kind in _SIZED_PARTS:
            for key, inner in value.items():
                yield key
                yield from _leaves(inner)
        else:
            yield None
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None:
        yield str(value)


_SIZED_PARTS: Final = frozenset(
    {
        *("text", "refusal", "function", "custom", "input_text", "output_text", "url_citation"),
        *("thinking", "redacted_thinking"),
        *("reasoning.text", "reasoning.summary", "reasoning.encrypted"),
        *("ephemeral",),  # A mark for caches, which clients hang on parts of text.
    }
)
"""Types whose tokens are bounded by the bytes they carry."""
