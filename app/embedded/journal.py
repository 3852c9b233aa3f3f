"""The supervisor's log: one event with its facts on a line."""

import sys
from datetime import UTC, datetime


def event(name: str, **facts: object) -> None:
    """Write an event to standard error, which is the supervisor's log file."""
    words = " ".join(f"{key}={value!r}" for key, value in facts.items())
    sys.stderr.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {name} {words}\n")
    sys.stderr.flush()
