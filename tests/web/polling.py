"""Look again and again, within a bound."""

import time
from collections.abc import Callable
from typing import TypeVar

BOUND_S = 20.0
"""How long a test waits for what must happen."""

LOOK_S = 0.005

T = TypeVar("T")


def eventually(look: Callable[[], T]) -> T:
    """Return the first thing worth seeing; what is never seen fails the test."""
    until = time.monotonic() + BOUND_S
    while time.monotonic() < until:
        if seen := look():
            return seen
        time.sleep(LOOK_S)
    raise AssertionError("it did not happen in time")
