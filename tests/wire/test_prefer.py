"""The `Prefer` header of RFC 7240, and what of it is heard."""

import pytest

from app.wire.prefer import WAIT_MAX_S, Prefer, read


@pytest.mark.parametrize(
    ("header", "respond_async", "wait_s"),
    [
        (None, False, None),
        ("", False, None),
        ("respond-async", True, None),
        ("Respond-Async", True, None),
        ("  respond-async  ", True, None),
        ("respond-async; because", True, None),
        ("wait=10", False, 10),
        ("WAIT=10", False, 10),
        ("wait = 10", False, 10),
        ('wait="10"', False, 10),
        ("wait=0", False, 0),
        ("wait=10; hurry", False, 10),
        ("respond-async, wait=10", True, 10),
        ("wait=10,respond-async", True, 10),
        ("return=minimal, respond-async, handling=lenient, wait=5", True, 5),
        (",, respond-async,,", True, None),
    ],
)
def test_preferences_are_heard(
    header: str | None, *, respond_async: bool, wait_s: int | None
) -> None:
    """Both preferences are heard in any order, case and company."""
    assert read(header) == Prefer(respond_async=respond_async, wait_s=wait_s)


@pytest.mark.parametrize(
    "header",
    [
        "wait",
        "wait=",
        "wait=soon",
        "wait=-1",
        "wait=1.5",
        "wait=1e3",
        "respond-asynchronously",
        "no respond-async",
        "respond-async=false",
        "return=minimal",
        ";;;",
        "=",
    ],
)
def test_what_is_malformed_or_unknown_is_ignored(header: str) -> None:
    """A preference is a wish, so what cannot be read is no error."""
    assert read(header) == Prefer(respond_async=False, wait_s=None)


@pytest.mark.parametrize("wait", [WAIT_MAX_S, WAIT_MAX_S + 1, 999_999_999])
def test_a_wait_is_bounded(wait: int) -> None:
    """Nobody waits longer than WAIT_MAX_S."""
    assert read(f"wait={wait}").wait_s == WAIT_MAX_S


def test_the_first_of_two_counts() -> None:
    """Where a preference stands twice the first is meant (RFC 7240, section 2)."""
    assert read("wait=5, wait=9").wait_s == 5


@pytest.mark.parametrize(
    ("header", "applied"),
    [
        ("respond-async", "respond-async"),
        ("wait=7, respond-async", "respond-async, wait=7"),
        ("respond-async, wait=9999", f"respond-async, wait={WAIT_MAX_S}"),
    ],
)
def test_the_answer_says_what_was_applied(header: str, applied: str) -> None:
    """Preference-Applied tells the wait as it was bounded."""
    assert read(header).applied == applied
