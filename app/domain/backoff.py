"""How long a job waits before it is tried again."""

from typing import Final

FIRST_DELAY_S: Final = 1.0
DELAY_MAX_S: Final = 60.0
RETRY_AFTER_MAX_S: Final = 900.0
"""A provider may ask for more patience than this; we look again after it all the same."""


def delay_s(failures: int, jitter: float, retry_after_s: float | None = None) -> float:
    """Return the seconds to wait after the `failures`-th failure (1, 2, …).

    Doubles from FIRST_DELAY_S to DELAY_MAX_S; `jitter` in [0, 1) takes away up to half, so that
    jobs that failed together do not return together. A provider's Retry-After is a floor, with
    the jitter added on top of it.
    """
    exponential = min(DELAY_MAX_S, FIRST_DELAY_S * float(1 << min(failures - 1, 16)))
    if retry_after_s is None:
        return exponential * (1 - jitter / 2)
    floor = min(max(retry_after_s, 0.0), RETRY_AFTER_MAX_S)
    return floor + jitter * min(exponential, max(floor, FIRST_DELAY_S)) / 2
