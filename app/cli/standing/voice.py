"""What `busbar up` says: data on stdout, progress and trouble on stderr."""

import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Speaks in lines. A terminal that has gone away must not keep anything from being stopped."""

    quiet: bool
    """True: only trouble is said."""

    def tell(self, line: str) -> None:
        """Say how it goes."""
        if not self.quiet:
            _write(sys.stderr, line)

    def show(self, text: str) -> None:
        """Say what was asked for."""
        if not self.quiet:
            _write(sys.stdout, text)

    def warn(self, line: str) -> None:
        """Say that something went wrong."""
        _write(sys.stderr, f"busbar: {line}")


def _write(stream: TextIO, text: str) -> None:
    with suppress(OSError):
        stream.write(f"{text}\n")
        stream.flush()
