"""Every way a run stops short that is ours to explain: a class, an exit code, and a message."""

from collections.abc import Sequence
from typing import ClassVar, Final

from app.cli.running.records import LineFault

START_OVER: Final = "start over with --fresh, or choose another --out"


class Stop(Exception):
    """The run cannot go on; the message says why, and the way out."""

    exit_code: ClassVar[int] = 1


class Usage(Stop):
    """Flags or files do not go together."""

    exit_code = 2


class BadLines(Stop):
    """Lines of the prompts file cannot be used; of `total` faults some may not be listed."""

    exit_code = 2

    def __init__(self, message: str, faults: Sequence[LineFault], total: int) -> None:
        super().__init__(message)
        self.faults = tuple(faults)
        self.total = total


class RefusedLines(BadLines):
    """The gateway refuses lines that passed the check here."""


class InputChanged(Stop):
    """The prompts file is not what it was when the run began."""

    exit_code = 2

    def __init__(self) -> None:
        super().__init__(f"the prompts changed after the run began; {START_OVER}")


class Busy(Stop):
    """Another process carries the run."""


class Unreadable(Stop):
    """The journal is damaged, or was written by another version."""


class Doubtful(Stop):
    """Nobody can say whether the gateway has a chunk, and it is not safe to send it again."""


class Vanished(Stop):
    """The gateway does not know a job that it accepted."""
