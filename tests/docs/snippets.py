"""The snippets of a page, as its readers would copy them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]

_FENCE: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A fenced block: its language, the heading it stands under, and its text."""

    language: str
    heading: str
    text: str

    def __str__(self) -> str:
        """Name it for the list of tests."""
        return f"{self.heading}, {self.language}: {self.text.strip().splitlines()[0][:40]}"


def of(page: Path, *languages: str) -> list[Snippet]:
    """Return the snippets of a page that are in these languages, in the order of the page."""
    text = page.read_text()
    headings = [(found.start(), found[1]) for found in _HEADING.finditer(text)]
    return [
        Snippet(
            language=found[1],
            heading=next(name for start, name in reversed(headings) if start < found.start()),
            text=found[2],
        )
        for found in _FENCE.finditer(text)
        if found[1] in languages
    ]
