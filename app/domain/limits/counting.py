"""How many tokens a request counts for when it comes, before anybody knows what it will use.

The rule: a token for every four bytes of the body, FILE_TOKENS for every file in it, and the answer
it asks for, of which at most OUTPUT_TOKENS_COUNTED_MAX count. The vendors count alike ("the maximum
of max_tokens and the estimated number of tokens based on the character count of your request",
OpenAI, Rate limits), but clients that always ask for the longest answer (128,000 tokens) would
spend a minute's worth on one short reply; hence the cap. It is an estimate, for limits only: what a
job may cost is bounded by `input_bound`, and what it did cost is what its provider reports.
"""

from typing import Final

BYTES_PER_TOKEN: Final = 4
"""OpenAI, "What are tokens": a token is about four characters of English."""

OUTPUT_TOKENS_COUNTED_MAX: Final = 4_096
FILE_TOKENS: Final = 1_600
"""Anthropic, Vision: about what an image of the largest useful size takes."""

FILE_BYTES_MIN: Final = 1_024
"""A JSON string this long without a space in it is a file in base64 and no prose."""


def tokens_counted(request: bytes, *, input_tokens_max: int, output_tokens_max: int) -> int:
    """Return the tokens a request counts for: its JSON body, and its bounds."""
    files = [len(text) for text in request.split(b'"') if _is_file(text)]
    text_tokens = -(-(len(request) - sum(files)) // BYTES_PER_TOKEN)
    estimate = text_tokens + len(files) * FILE_TOKENS
    return min(estimate, input_tokens_max) + min(output_tokens_max, OUTPUT_TOKENS_COUNTED_MAX)


def _is_file(text: bytes) -> bool:
    """Some encoders escape the slashes of base64; any other escape belongs to prose."""
    if len(text) < FILE_BYTES_MIN or b" " in text or not text.isascii():
        return False
    return b"\\" not in text.replace(b"\\/", b"")
