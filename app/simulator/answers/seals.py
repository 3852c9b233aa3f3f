"""Seals on thinking: what shows that a thought handed back was thought here.

The vendor signs its thinking and refuses a thought it did not sign; so does the simulator.
"""

import hashlib
from typing import Final

_MARK: Final = "sim"
_DIGEST_BYTES: Final = 24


def seal(name: str) -> str:
    """Return the seal that belongs to a name."""
    return f"{_MARK}.{name}.{_digest(name)}"


def holds(given: object) -> bool:
    """Say whether something is a seal made here, whole and unchanged."""
    mark, _, rest = given.partition(".") if isinstance(given, str) else ("", "", "")
    name, _, digest = rest.partition(".")
    return mark == _MARK and bool(name) and digest == _digest(name)


def _digest(name: str) -> str:
    encoded = name.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(encoded, digest_size=_DIGEST_BYTES).hexdigest()
