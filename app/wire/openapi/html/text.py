"""Text as HTML: escaped, with `code` in backticks; and the few elements the page is made of."""

import json
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

_CODE: Final = re.compile(r"`([^`]+)`")


def prose(text: str) -> str:
    """Return a sentence or two; what stands in backticks is code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def code(text: Any) -> str:
    """Return a word of code."""
    return f"<code>{escape(str(text))}</code>"


def block(value: Any) -> str:
    """Return an example: JSON with indents, or text as it is."""
    shown = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f"<pre><code>{escape(shown)}</code></pre>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are HTML already; nothing at all where there are no rows."""
    lines = [f"<tr>{_cells('td', row)}</tr>" for row in rows]
    if not lines:
        return ""
    top = f"<tr>{_cells('th', head)}</tr>"
    return f'<div class="scroll"><table>{top}{"".join(lines)}</table></div>'


def folded(title: str, content: str) -> str:
    """Return what opens when its title is clicked."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _cells(kind: str, cells: Sequence[str]) -> str:
    return "".join(f"<{kind}>{cell}</{kind}>" for cell in cells)
