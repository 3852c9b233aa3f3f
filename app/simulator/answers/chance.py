"""Repeatable draws: chance that comes out the same in every run and every process."""

import hashlib
from typing import Final

_DRAW_BYTES: Final = 4
_UNIT: Final = 1 << 64


class Chance:
    """A sequence of draws grown from one seed."""

    __slots__ = ("_at", "_pool")

    def __init__(self, *parts: str | int) -> None:
        """Grow the sequence from the parts of a seed."""
        seed = "\x00".join(map(str, parts)).encode("utf-8", "surrogatepass")
        self._pool = hashlib.blake2b(seed).digest()
        self._at = 0

    def below(self, bound: int) -> int:
        """Draw a whole number from 0 up to, and without, `bound`."""
        if self._at == len(self._pool):
            self._pool = hashlib.blake2b(self._pool).digest()
            self._at = 0
        drawn = self._pool[self._at : self._at + _DRAW_BYTES]
        self._at += _DRAW_BYTES
        return int.from_bytes(drawn) % bound

    def name(self) -> str:
        """Return 24 hexadecimal digits that belong to the seed; draws nothing."""
        return self._pool[:12].hex()


def share(*parts: str | int) -> float:
    """Return the number in [0, 1) that belongs to these parts."""
    seed = "\x00".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(seed, digest_size=8).digest()) / _UNIT
