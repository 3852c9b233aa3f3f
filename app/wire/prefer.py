"""The `Prefer` header (RFC 7240): answer later, or wait so long."""

import re
from dataclasses import dataclass
from typing import Final

WAIT_MAX_S: Final = 600

_WAIT: Final = re.compile(r"wait\s*=\s*\"?(\d{1,9})\"?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefer:
    """What a client would like. Unknown and malformed preferences are ignored, as the RFC asks."""

    respond_async: bool
    wait_s: int | None

    @property
    def applied(self) -> str:
        """The value of Preference-Applied for an asynchronous answer."""
        return "respond-async" if self.wait_s is None else f"respond-async, wait={self.wait_s}"


def read(header: str | None) -> Prefer:
    """Parse the header."""
    respond_async, wait_s = False, None
    for part in (header or "").split(","):
        preference = part.split(";")[0].strip().lower()
        if preference == "respond-async":
            respond_async = True
        elif wait_s is None and (match := _WAIT.fullmatch(preference)):
            wait_s = min(int(match[1]), WAIT_MAX_S)
    return Prefer(respond_async=respond_async, wait_s=wait_s)
