"""Lines that are not sent, or not taken, gathered by what is wrong with them."""

from array import array
from collections.abc import Mapping, Sequence
from typing import Final

from app.cli.running.reading.records import LineFault

REASONS_MAX: Final = 500
"""Reasons that are kept in words. All lines of one call may have their own."""


class Reasons:
    """The numbers of lines, by reason in the order of the file: one mistake spoils many lines."""

    def __init__(self) -> None:
        self._alike: dict[str, array[int]] = {}
        self._further: array[int] = array("q")
        self.total = 0
        """How many lines there are."""

    @property
    def alike(self) -> Mapping[str, Sequence[int]]:
        """Each reason, and the lines that have it."""
        return self._alike

    @property
    def further(self) -> Sequence[int]:
        """The lines with still other reasons."""
        return self._further

    def add(self, fault: LineFault) -> None:
        """Note what is wrong with a line."""
        self.total += 1
        if fault.what in self._alike or len(self._alike) < REASONS_MAX:
            self._alike.setdefault(fault.what, array("q")).append(fault.number)
        else:
            self._further.append(fault.number)
