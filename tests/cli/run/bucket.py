"""The limit of a key, as the scripted gateway has it."""

import time


class Bucket:
    """A limit on requests as the gateway has it, with a minute that passes faster.

    A call of more than it ever holds gets 422, one of more than it holds right now 429.
    """

    def __init__(
        self, most: int, *, minute_s: float, left: int | None = None, share: int | None = None
    ) -> None:
        """With a `share` a process decides alone: it grants no more at once, and tells nothing."""
        self.most = most
        self.share = share
        self.left = float(most if left is None else left)
        self.calls: list[tuple[int, int]] = []
        """How many jobs each call brought, and the status it got."""
        self._minute_s = minute_s
        self._at = time.monotonic()

    def take(self, jobs: int) -> int:
        """Return the status for so many jobs, and count them if they are let in."""
        now = time.monotonic()
        self.left = min(self.most, self.left + (now - self._at) * self.most / self._minute_s)
        self._at = now
        status = (
            422
            if jobs > self.most
            else 429
            if jobs > min(self.left, self.share or self.most)
            else 202
        )
        self.left -= jobs if status == 202 else 0
        self.calls.append((jobs, status))
        return status
