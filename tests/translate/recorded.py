"""What a recorded answer is: the same one streamed and whole, as one server sends it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One answer of an upstream in both forms."""

    stream: list[dict[str, Any]]
    whole: dict[str, Any]
