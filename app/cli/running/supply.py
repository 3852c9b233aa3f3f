"""What a run sends next: its chunks, cut smaller where the limits on the key want it."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from app.cli.client.answers import Room
from app.cli.running.cutting import CHUNK_LINES_MAX, Chunk, Placed
from app.cli.running.kept.journal import Journal

CALLS_A_MINUTE: Final = 10
"""With nothing left of a limit, so many calls share a minute of it: others use the key as well."""


class Supply:
    """Lines to submit, in calls of as many as the gateway takes at once."""

    def __init__(self, chunks: Iterator[Chunk], journal: Journal) -> None:
        self._chunks = chunks
        self._journal = journal
        self._held: deque[Placed] = deque()
        self._whole: Chunk | None = None
        self._lines_max = CHUNK_LINES_MAX
        self._room = Room()

    def take(self) -> Chunk | None:
        """Return what to send next; None when all was sent."""
        if self._whole is not None:
            chunk, self._whole = self._whole, None
            return chunk
        if not self._held:
            following = next(self._chunks, None)
            if following is None or self._journal.sent(following.number) is not None:
                return following
            self._held.extend(following.lines)
        count = min(self._size, len(self._held))
        lines = tuple(self._held.popleft() for _ in range(count))
        return Chunk(number=self._journal.number_next, lines=lines)

    def heed(self, room: Room) -> None:
        """Note what an answer said of the limits on the key."""
        self._room = room

    def leave(self, lines: Sequence[Placed], *, taken: int) -> None:
        """Take back the lines that were too many beside `taken` others in one call."""
        if lines and taken:
            self._lines_max = min(self._lines_max, taken)
        self._held.extendleft(reversed(lines))

    def put_back(self, chunk: Chunk) -> bool:
        """Take back what a limit has no room for; return whether a part of it fits right now.

        What the gateway may have already is sent again as it was.
        """
        if self._journal.sent(chunk.number) is not None:
            self._whole = chunk
            return False
        if self._room == Room():
            # Nothing tells how much would fit; perhaps this much never does.
            self._lines_max = max(1, len(chunk.lines) // 2)
        self._held.extendleft(reversed(chunk.lines))
        return bool(self._room.requests_left) and self._size < len(chunk.lines)

    @property
    def _size(self) -> int:
        """How many lines the next call brings: what is left of the limit, or a share of it."""
        if self._room.requests_max is None:
            return self._lines_max
        share = self._room.requests_max // CALLS_A_MINUTE
        return max(1, min(self._lines_max, max(self._room.requests_left or 0, share)))
