"""What answers' shapes have in common.

Answers are built by the views of `app.wire`; these shapes say of them what a client may rely on.
"""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


def _leave_open(schema: dict[str, Any]) -> None:
    # A key more is no promise broken: clients must let newer ones be.
    del schema["additionalProperties"]


class Exact(BaseModel):
    """An answer of our own: each key is always there. More may come with later versions."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        json_schema_extra=_leave_open,
    )


class Loose(BaseModel):
    """An answer in a vendor's shape: what is said here is there, and the provider may add to it."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)


Dollars = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{2,9}$", examples=["0.10"])]
"""US dollars as a decimal string."""
