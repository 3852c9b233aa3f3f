"""Cues: what a user may say to get an answer of a certain kind.

They count in the last question of a user only, in any letter case, and for the beginning of a
long one.
"""

from typing import Final

SCANNED_CHARS_MAX: Final = 4_000  # of a question

REFUSE: Final = "please refuse"
REFUSE_SILENTLY: Final = "please refuse silently"
UNSEEN: Final = "think in secret"
IN_PARALLEL: Final = "in parallel"
REFUSED_BY_VENDOR: Final = "ANTHROPIC_MAGIC_STRING_TRIGGER_REFUSAL"
"""The beginning of the text with which the vendor's documentation has a refusal tested."""

_REFUSAL: Final = "I am sorry, but I will not help with that."


def refusal(question: str) -> str | None:
    """Return what is said to refuse a question, which may be nothing, or None to answer it."""
    # Nearly no question contains either, and looking costs less than lowering the case.
    if "efus" not in question and "REFUS" not in question:
        return None
    if heard(REFUSE_SILENTLY, question):
        return ""
    return _REFUSAL if heard(REFUSE, question) or REFUSED_BY_VENDOR in question else None


def heard(cue: str, question: str) -> bool:
    """Say whether a question contains a cue."""
    return cue in question[:SCANNED_CHARS_MAX].lower()
