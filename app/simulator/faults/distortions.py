"""Answers in good form that say, or tell of themselves, what they should not."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Final

from app.simulator.answers.choices import Choice, Finish, Told, Used

ABSURD_TOKENS: Final = 10**15
MARK: Final = "@huge-padding@"
"""Stands in an answer where its padding goes. It must fit into one piece of a stream."""

_WRONG: Final[Mapping[str, Told]] = {
    "missing": "missing",
    "null": "null",
    "negative": Used(prompt=-7, completion=-9),
    "absurd": Used(prompt=ABSURD_TOKENS, completion=ABSURD_TOKENS),
}


def usage(honest: Used, kind: str) -> Told:
    """Return a usage that is wrong, or one where half of the prompt came from a cache."""
    if kind == "cached":
        return dataclasses.replace(honest, cached=honest.prompt // 2)
    return _WRONG[kind]


def saying(text: str, choices: Iterable[Choice]) -> list[Choice]:
    """Return the choices with that text and nothing else, as if it weighed nothing."""
    return [Choice(text=text, finish=Finish.STOP, tokens=0, name=choice.name) for choice in choices]
