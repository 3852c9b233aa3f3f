"""Where the leader's rounds stand: each tick takes a bounded step, the next one goes on from there.

Kept in memory only. A new leader begins anew, which costs it a step that finds nothing.
"""

from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from app.gateway import Gateway


@dataclass(slots=True)
class Rounds:
    """The last account and instrument looked at, the last body, and a sweep's next step."""

    account: tuple[str, str] = ("", "")
    body: str = ""
    step: int = 0


def rounds(gateway: Gateway) -> Rounds:
    """Return where this process stands; a gateway's engine is what is one per process."""
    return _rounds.setdefault(gateway.engine, Rounds())


_rounds: Final[WeakKeyDictionary[object, Rounds]] = WeakKeyDictionary()
