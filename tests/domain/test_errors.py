"""Errors are a class, a code and a sentence."""

import pytest

from app.domain.errors import BusbarError, Fault, InsufficientBalance, InvalidRequest

from .error_classes import every_error


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.__name__)
def test_an_error_raised_bare_says_its_sentence(error: type[BusbarError]) -> None:
    """The docstring's first line is the message: one whole sentence."""
    message = error().message
    assert message == str(error())
    assert message[0].isupper()
    assert message.endswith(".")


def test_codes_are_never_shared() -> None:
    """A code stands for one class alone, so that a failure a job remembers can be told."""
    codes = [error.code for error in every_error()]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.__name__)
def test_a_code_is_a_word_of_the_wire(error: type[BusbarError]) -> None:
    """Codes are lower-case words joined by underscores."""
    assert error.code.replace("_", "").isalpha()
    assert error.code == error.code.lower()


def test_an_error_can_say_more() -> None:
    """A message of one's own takes the docstring's place; param and faults go along."""
    fault = Fault(where="n", what="is required")
    error = InvalidRequest("n: is required", param="n", faults=(fault,))
    assert (str(error), error.param, error.faults) == ("n: is required", "n", (fault,))


def test_a_bare_error_knows_no_more_than_its_sentence() -> None:
    """Without param and faults there are none."""
    error = InsufficientBalance()
    assert (error.param, error.faults) == (None, ())
