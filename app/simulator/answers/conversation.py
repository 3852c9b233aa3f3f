"""A conversation gathered message by message, alike whatever protocol it was written in."""

import re
from collections.abc import Iterable
from typing import Final

from app.simulator.answers import tokens

_REMINDER_OPENS: Final = "<system-reminder>"
_REMINDER: Final = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)


class Conversation:
    """The texts so far, the last question of a user, and what tools returned since."""

    __slots__ = ("images", "question", "results", "texts", "tokens")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.question = ""
        self.results: list[str] = []
        self.images = 0
        self.tokens = 0

    @property
    def prompt(self) -> str:
        """All the text."""
        return "\n".join(self.texts)

    def add(self, text: str, *, asked: str | None = None) -> None:
        """Add a message, which weighs a token at the least; `asked` is what a user said in it.

        Coding agents put reminders of their own into the user's mouth; those ask nothing.
        """
        self.tokens += tokens.count(text) or 1
        if text:
            self.texts.append(text)
        if asked and _REMINDER_OPENS in asked:
            asked = _REMINDER.sub("", asked).strip()
        if asked:
            self.question = asked
            self.results.clear()

    def attach(self, images: Iterable[str], files: Iterable[str] = ()) -> None:
        """Add pictures and files, each given as its data or its address."""
        for image in images:
            self.images += 1
            self.tokens += tokens.count_attached(image)
        self.tokens += sum(map(tokens.count_attached, files))

    def hand_in(self, result: str) -> None:
        """Take note of what a tool returned."""
        self.results.append(result)
