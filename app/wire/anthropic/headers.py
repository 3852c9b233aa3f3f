"""What a client of the Messages API says in headers, as a job carries it to its provider.

A job has one text for it: the betas as they came, behind the version of the API where that is not
the usual one. No beta looks like a version, which is a date and nothing else.
"""

import re
from typing import Final

VERSION_USUAL: Final = "2023-06-01"
"""What is said to a provider where the client named no version."""


def carried(version: str | None, betas: str | None) -> str | None:
    """Return `anthropic-version` and `anthropic-beta` as one text, None where there is nothing."""
    unusual = version if version and version != VERSION_USUAL else None
    return ",".join(each for each in (unusual, betas) if each) or None


def told(text: str | None) -> tuple[str, str | None]:
    """Return the version and the betas of such a text."""
    first, _, rest = (text or "").partition(",")
    if _VERSION.fullmatch(first):
        return first, rest or None
    return VERSION_USUAL, text or None


_VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
