"""Pairs a client hangs on a job to find it by: 16 at most, as the vendors' own APIs have it."""

from typing import Annotated, Final

from pydantic import AfterValidator, Field

PAIRS_MAX: Final = 16
KEY_CHARACTERS_MAX: Final = 64
VALUE_CHARACTERS_MAX: Final = 512


def storable(text: str) -> str:
    """Return the text. Raises ValueError: Postgres holds neither NUL nor half a surrogate pair."""
    if "\0" in text or (not text.isprintable() and any("\ud800" <= c <= "\udfff" for c in text)):
        raise ValueError("holds a character that cannot be stored")
    return text


_Key = Annotated[str, Field(min_length=1, max_length=KEY_CHARACTERS_MAX), AfterValidator(storable)]
_Value = Annotated[str, Field(max_length=VALUE_CHARACTERS_MAX), AfterValidator(storable)]

Metadata = Annotated[dict[_Key, _Value], Field(max_length=PAIRS_MAX)]
