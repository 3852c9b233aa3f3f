"""A bucket: what was used of a minute's worth, draining all the time at the limit's own pace.

So a whole minute's worth may come at once after a quiet minute, and what is used up comes back
evenly, not at the turn of a minute. It never goes into debt. `app/limiter/scripts.py` says the same
to Redis.
"""

from dataclasses import dataclass
from typing import Final

MINUTE_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """How much of a limit was used up at a moment, in seconds of whatever clock is handed in."""

    used: float
    at_s: float

    def drained(self, most: int, now_s: float) -> "Bucket":
        """Return the bucket as it is at `now_s` under a limit of `most` a minute.

        A clock that went back drains nothing; a limit that was lowered forgives what is above it.
        """
        elapsed_s = max(0.0, now_s - self.at_s)
        used = max(0.0, min(self.used, most) - elapsed_s * most / MINUTE_S)
        return Bucket(used=used, at_s=max(self.at_s, now_s))

    def plus(self, amount: int) -> "Bucket":
        """Return the bucket with `amount` more used; less where it is negative, but never under 0.

        Whether it may be taken is the caller's to ask.
        """
        return Bucket(used=max(0.0, self.used + amount), at_s=self.at_s)


def seconds_for(amount: float, most: int) -> float:
    """Return how long a limit of `most` a minute takes to give `amount` back."""
    return max(0.0, amount) * MINUTE_S / most
