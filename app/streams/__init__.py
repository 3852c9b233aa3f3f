"""Live streams of answers: what a provider sends, on its way from a worker to its readers.

One Redis stream per job holds its frames, ready to be sent on. An entry's id is
`<attempt>-<number>`: numbers count from 1, and Redis refuses an id below the last one, so that a
late worker cannot write between the frames of the attempt that followed it. Redis may lose a
stream; the row keeps the whole answer.
"""

from typing import Final

FRAME: Final = b"f"
END: Final = b"e"
"""The fields of an entry: a frame, or the mark that no frame follows."""

KEPT_S: Final = 900
"""How long after its last frame a stream can be followed from anywhere."""

ENTRIES_MAX: Final = 200_000
"""Frames kept of one stream; more than the longest answers have."""


def key_of(prefix: str, job_id: str) -> str:
    """Return the Redis key of a job's stream."""
    return f"{prefix}stream:{job_id}"
