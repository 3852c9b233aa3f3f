"""Deltas of one dialect grown into the whole, unknown fields included."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from app.translate.reading import Body

DEPTH_MAX: Final = 4
"""Objects inside objects grow piece by piece down to here; below, the newest one wins."""


class Pieces:
    """A text that grows. Joined once: adding to a long string again and again is slow."""

    __slots__ = ("_pieces",)

    def __init__(self, first: str) -> None:
        self._pieces = [first]

    def add(self, piece: str) -> None:
        """Put a piece at the end."""
        self._pieces.append(piece)

    def joined(self) -> str:
        """Return all of it."""
        return "".join(self._pieces)


def grow(
    target: Body, delta: Mapping[str, object], *, fixed: AbstractSet[str], depth: int = DEPTH_MAX
) -> None:
    """Add a delta to what has grown so far, in place.

    Texts are joined, lists lengthened, objects grown in their turn; of anything else the newest
    counts. A text named in `fixed` is sent once, or repeated: the first that is not empty counts.
    """
    for name, value in delta.items():
        old = target.get(name)
        if value is None:
            target.setdefault(name, None)
        elif isinstance(value, str):
            _grow_text(target, name, value, once=name in fixed)
        elif isinstance(value, list) and isinstance(old, list):
            old.extend(value)
        elif isinstance(value, list):
            target[name] = list(value)
        elif isinstance(value, dict) and depth:
            if not isinstance(old, dict):
                target[name] = old = {}
            grow(old, value, fixed=fixed, depth=depth - 1)
        else:
            target[name] = value


def grown(value: Any, *, depth: int = DEPTH_MAX + 1) -> Any:
    """Return what has grown as plain JSON that shares no container with it."""
    if isinstance(value, Pieces):
        return value.joined()
    if isinstance(value, dict) and depth:
        return {name: grown(each, depth=depth - 1) for name, each in value.items()}
    return list(value) if isinstance(value, list) else value


def _grow_text(target: Body, name: str, value: str, *, once: bool) -> None:
    old = target.get(name)
    if once:
        target[name] = old if isinstance(old, str) and old else value
    elif isinstance(old, Pieces):
        old.add(value)
    else:
        target[name] = Pieces(value)
