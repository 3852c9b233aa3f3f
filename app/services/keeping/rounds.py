"""Where the leader's rounds stand: each tick takes a bounded step, the next one goes on from there.

Kept in memory only. A new leader begins anew, which costs it a step that finds nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from weakref import WeakKeyDictionary

from app.gateway import Gateway


@dataclass(slots=True)
class Rounds:
    """The last account and instrument looked at, the last body and lot, a sweep's next step.

    `calibrated_at` is when prompts were last looked at.
    """

    account: tuple[str, str] = ("", "")
    body: str = ""
    lot: tuple[str, str] = ("", "")
    step: int = 0
    calibrated_at: datetime | None = None


def rounds(gateway: Gateway) -> Rounds:
    """Return where this process stands; a gateway's engine is what is one per process."""
    return _rounds.setdefault(gateway.engine, Rounds())


_rounds: Final[WeakKeyDictionary[object, Rounds]] = WeakKeyDictionary()
