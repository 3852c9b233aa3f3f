"""Which lines of a run the gateway did not take, and why."""

from array import array
from collections.abc import Mapping, Sequence
from typing import Final

from app.cli.running.records import LineFault

REASONS_MAX: Final = 500
"""Reasons that are kept in words. All lines of one call may have their own."""


class Refusals:
    """The numbers of all refused lines, by reason in the order of the file."""

    def __init__(self) -> None:
        self._reasons: dict[str, array[int]] = {}
        self._further: array[int] = array("q")

    @property
    def reasons(self) -> Mapping[str, Sequence[int]]:
        """Each reason, and the lines that were refused for it."""
        return self._reasons

    @property
    def further(self) -> Sequence[int]:
        """The lines with still other reasons, which only their results tell."""
        return self._further

    def add(self, fault: LineFault) -> None:
        """Note that a line was refused."""
        if fault.what in self._reasons or len(self._reasons) < REASONS_MAX:
            self._reasons.setdefault(fault.what, array("q")).append(fault.number)
        else:
            self._further.append(fault.number)
