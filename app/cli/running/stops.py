"""Every way a run stops short that is ours to explain: a class, an exit code, and a message."""

from typing import ClassVar, Final

from app.cli.running.reading.reasons import Reasons

START_OVER: Final = "start over with --fresh, or choose another --out"


class Stop(Exception):
    """The run cannot go on; the message says why, and the way out."""

    exit_code: ClassVar[int] = 1


class Usage(Stop):
    """Flags or files do not go together."""

    exit_code = 2


class NoKey(Stop):
    """There is no API key to use."""

    exit_code = 4


class Away(Stop):
    """The gateway did not answer the first call; nothing was begun."""


class BadLines(Stop):
    """Lines of the prompts file cannot be used."""

    exit_code = 2

    def __init__(self, message: str, faults: Reasons) -> None:
        super().__init__(message)
        self.faults = faults


class RefusedLines(Stop):
    """The gateway refuses every line of the first call, so that nothing was submitted."""

    exit_code = 2

    def __init__(self, refusals: Reasons) -> None:
        total = refusals.total
        all_of = "the first line" if total == 1 else f"all of the first {total:,} lines"
        super().__init__(f"the gateway refuses {all_of}; nothing was submitted")
        self.refusals = refusals


class InputChanged(Stop):
    """The prompts file is not what it was when the run began."""

    exit_code = 2

    def __init__(self) -> None:
        what = "the prompts changed while they were sent"
        super().__init__(f"{what}; the same command goes on if what was submitted is as it was")


class Busy(Stop):
    """Another process carries the run."""


class Unreadable(Stop):
    """The journal is damaged, or was written by another version."""


class Doubtful(Stop):
    """Nobody can say whether the gateway has a chunk, and it is not safe to send it again."""


class Vanished(Stop):
    """The gateway does not know a job that it accepted."""
