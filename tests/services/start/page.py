"""docs/money.md, as one line of plain signs, so that it may be wrapped anywhere."""

from pathlib import Path

_SIGNS = str.maketrans({"\N{MULTIPLICATION SIGN}": "*", "\N{MINUS SIGN}": "-"})
_FILE = Path(__file__).parents[3] / "docs/money.md"
PAGE = " ".join(_FILE.read_text(encoding="utf-8").translate(_SIGNS).split())

QUESTION = {"text": "What is a busbar?", "model": "text-standard"}
"""What the page's own example asks."""
