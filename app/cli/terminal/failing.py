"""How a command fails: one line on stderr that names the fix, and an exit code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

from app.domain.errors import (
    BusbarError,
    InsufficientBalance,
    InvalidKey,
    InvalidRequest,
    OutOfRange,
)
from app.embedded import EmbeddedError
from app.settings import invalid

FAILED: Final = 1
USAGE: Final = 2
AUTH: Final = 4
PARTIAL: Final = 5
OUT_OF_BALANCE: Final = 6

_CODES: Final = {
    InvalidRequest: USAGE,
    OutOfRange: USAGE,
    InvalidKey: AUTH,
    InsufficientBalance: OUT_OF_BALANCE,
}


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors we mean into one line on stderr and their exit code."""
    try:
        yield
    except Exception as error:
        explanation = explain(error)
        if explanation is None:
            raise
        fail(*explanation)


def explain(error: Exception) -> tuple[str, int] | None:
    """Return the sentence and the exit code of an error we mean; None for a fault of ours."""
    match error:
        case BusbarError():
            return error.message, _CODES.get(type(error), FAILED)
        case EmbeddedError():
            return str(error), FAILED
        case UnicodeEncodeError(reason="surrogates not allowed"):
            return "an argument holds bytes that are not UTF-8", USAGE
        case ValueError():
            sentence = invalid(error)
            return None if sentence is None else (sentence, USAGE)
    from app.services import outage  # noqa: PLC0415  the database layer loads slowly

    sentence = outage.explain(error)
    return None if sentence is None else (sentence, FAILED)


def fail(message: str, code: int) -> NoReturn:
    """Say why on stderr and end with `code`."""
    print(f"busbar: {message}", file=sys.stderr)  # noqa: T201  the command's own voice
    raise SystemExit(code)
