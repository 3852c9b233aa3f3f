"""Prefixed, time-ordered ids: `job_01jd…` sorts by the millisecond it was made in."""

from datetime import UTC, datetime, timedelta
from typing import Final

ENTROPY_BYTES: Final = 10
"""Random bytes in an id; with 48 bits of milliseconds they make 128 bits, as in a ULID."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
ID_CHARACTERS_MAX: Final = 64

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_PAIR_SHIFTS: Final = tuple(range(120, -1, -10))


def new_id(prefix: str, now: datetime, entropy: bytes) -> str:
    """Return `prefix_` and 26 characters of Crockford base 32 (the ULID layout), lower case.

    `now` must be aware; `entropy` is ENTROPY_BYTES random bytes. Ids of one prefix compare as
    their times do, down to the millisecond.
    """
    assert len(entropy) == ENTROPY_BYTES
    bits = (now - _EPOCH) // _MILLISECOND << 80 | int.from_bytes(entropy, "big")
    return prefix + "_" + "".join([_PAIRS[bits >> shift & 1023] for shift in _PAIR_SHIFTS])


def is_plausible(identifier: str) -> bool:
    """True when this could be an id of ours; a database need not be asked for what cannot."""
    return (
        len(identifier) <= ID_CHARACTERS_MAX and identifier.isascii() and identifier.isprintable()
    )


def suffix(identifier: str) -> str:
    """Return what stands behind the prefix: `job_01jd…` → `01jd…`."""
    return identifier.partition("_")[2]
