"""The counting rule: what a text weighs in tokens.

One token for every four UTF-8 bytes, and one for a shorter text. A count never exceeds the number
of bytes counted, so a buyer who bounds a prompt by its bytes is never billed above that bound.
"""

from typing import Final

BYTES_PER_TOKEN: Final = 4
ATTACHED_TOKENS_MAX: Final = 1_600  # about what the vendors charge for their largest picture


def count(text: str) -> int:
    """Count the tokens of a text; an empty one has none."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    return max(1, size // BYTES_PER_TOKEN) if size else 0


def count_attached(data: str) -> int:
    """Count the tokens of a picture or a file, given as its encoded data or its address."""
    return min(count(data), ATTACHED_TOKENS_MAX)


def cut(text: str, tokens_max: int) -> str:
    """Return the longest beginning of a text that weighs no more than `tokens_max` tokens."""
    if count(text) <= tokens_max:
        return text
    encoded = text.encode("utf-8", "surrogatepass")[: tokens_max * BYTES_PER_TOKEN]
    return encoded.decode("utf-8", "ignore")
