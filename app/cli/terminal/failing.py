"""How a command fails: one line on stderr that names the fix, and an exit code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

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
    except BusbarError as error:
        fail(error.message, _CODES.get(type(error), FAILED))
    except UnicodeEncodeError as error:
        if error.reason != "surrogates not allowed":
            raise
        fail("an argument holds bytes that are not UTF-8", USAGE)
    except ValueError as error:
        sentence = invalid(error)
        if sentence is None:
            raise
        fail(sentence, USAGE)
    except EmbeddedError as error:
        fail(str(error), FAILED)
    except Exception as error:
        from app.services.outage import explain  # noqa: PLC0415  the database layer loads slowly

        sentence = explain(error)
        if sentence is None:
            raise
        fail(sentence, FAILED)


def fail(message: str, code: int) -> None:
    """Say why on stderr and end with `code`."""
    print(f"busbar: {message}", file=sys.stderr)  # noqa: T201  the command's own voice
    raise SystemExit(code)
