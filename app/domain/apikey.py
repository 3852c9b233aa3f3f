"""API keys: `bb_live_` + 30 base62 characters + 6 of a checksum, so that typos stop early.

The format follows GitHub's token format: a prefix scanners can find, high entropy, a CRC-32.
"""

import hashlib
import zlib
from typing import Final

PREFIX: Final = "bb_live_"
SECRET_CHARACTERS: Final = 30
CHECKSUM_CHARACTERS: Final = 6
ENTROPY_BYTES: Final = 32

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def make_key(entropy: bytes) -> str:
    """Return a new key made from ENTROPY_BYTES random bytes. It is shown once and never stored."""
    assert len(entropy) == ENTROPY_BYTES
    secret = _base62(int.from_bytes(entropy, "big"), SECRET_CHARACTERS)
    return PREFIX + secret + _checksum(secret)


def is_well_formed(key: str) -> bool:
    """True when prefix, length and checksum fit; says nothing about the key's rights."""
    secret, checksum = key[len(PREFIX) : -CHECKSUM_CHARACTERS], key[-CHECKSUM_CHARACTERS:]
    return (
        key.startswith(PREFIX)
        and key.isascii()
        and len(secret) == SECRET_CHARACTERS
        and checksum == _checksum(secret)
    )


def digest(key: str) -> bytes:
    """Return what is stored of a key: its SHA-256. High entropy needs no stretching."""
    return hashlib.sha256(key.encode()).digest()


def hint(key: str) -> str:
    """Return what lists may show of a key: its prefix and its last four characters."""
    return f"{PREFIX}…{key[-4:]}"


def _checksum(secret: str) -> str:
    return _base62(zlib.crc32((PREFIX + secret).encode()), CHECKSUM_CHARACTERS)


def _base62(number: int, width: int) -> str:
    characters = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        characters.append(_BASE62[digit])
    return "".join(reversed(characters))
