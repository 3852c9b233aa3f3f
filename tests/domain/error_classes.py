"""All errors there are, found by themselves so that none can be forgotten."""

from app.domain import errors
from app.domain.errors import BusbarError


def every_error() -> list[type[BusbarError]]:
    """Return BusbarError and every class of domain/errors.py that comes of it, in file order."""
    found = [each for each in vars(errors).values() if isinstance(each, type)]
    return [each for each in found if issubclass(each, BusbarError)]
