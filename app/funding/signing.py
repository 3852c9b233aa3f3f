"""How calls to a funding source are signed, so that it knows who asks and that nothing changed."""

import hashlib
import hmac
from typing import Final

TIMESTAMP_HEADER: Final = "Busbar-Timestamp"
SIGNATURE_HEADER: Final = "Busbar-Signature"
VERSION: Final = "v1"


def signed(secret: str, body: bytes, *, at_s: int) -> dict[str, str]:
    """Return the headers that sign a body sent at `at_s` (Unix seconds).

    The signature is the HMAC-SHA256 (RFC 2104) of `timestamp.body`, in hexadecimal, after the name
    of this scheme: `v1=…`.
    """
    message = str(at_s).encode() + b"." + body
    digest = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    return {TIMESTAMP_HEADER: str(at_s), SIGNATURE_HEADER: f"{VERSION}={digest}"}
