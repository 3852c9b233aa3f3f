"""An error to be told, in whatever envelope a protocol has for it."""

from dataclasses import dataclass
from typing import Final

UNNUMBERED: Final = "req_simulator"
"""The id of a request that got no answer of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error; one without a `code` has the usual one of its status."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    request_id: str = UNNUMBERED
