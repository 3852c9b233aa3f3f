"""A template makes a prompt of each row: `Solve: {question}`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.cli.running.reading.records import Faulty

NAMES_SHOWN: Final = 10

_TOKEN: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NOT_IN_NAMES: Final = frozenset(".[]!:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A prompt with holes: literal texts and, after each but the last, the name of a field."""

    texts: tuple[str, ...]
    names: tuple[str, ...]

    def fill(self, fields: Mapping[str, object]) -> str:
        """Return the prompt of one row. Raises Faulty when a field is missing or null."""
        values = [*(as_text(fields, name) for name in self.names), ""]
        return "".join(part for pair in zip(self.texts, values, strict=True) for part in pair)


def parse_template(text: str) -> Template:
    """Read a template; `{{` and `}}` stand for single braces.

    Names are looked up in the row and nothing else: no attributes, no indexes, no formats. Raises
    ValueError with a sentence.
    """
    texts, names, literal, end = [], [], "", 0
    for token in _TOKEN.finditer(text):
        literal += text[end : token.start()]
        end = token.end()
        name = token[1]
        if token[0] in ("{{", "}}"):
            literal += token[0][0]
        elif name is None:
            raise ValueError(f"a single {token[0]} in the template; {token[0] * 2} makes a brace")
        elif not name.strip() or _NOT_IN_NAMES & set(name):
            raise ValueError(f"{token[0]} in the template is not just the name of a field")
        else:
            texts.append(literal)
            names.append(name.strip())
            literal = ""
    if not names:
        raise ValueError("the template names no field, as {question}: all prompts would be equal")
    return Template(texts=(*texts, literal + text[end:]), names=tuple(names))


def as_text(fields: Mapping[str, object], name: str) -> str:
    """Return a field as it stands in a prompt: text as it is, everything else as JSON.

    Raises Faulty when it is missing or null.
    """
    if name not in fields:
        known = ", ".join(list(fields)[:NAMES_SHOWN]) or "none"
        raise Faulty(f"has no field {name!r} (its fields: {known})")
    value = fields[name]
    if value is None:
        raise Faulty(f"has null in the field {name!r}")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
