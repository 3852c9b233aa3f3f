"""Ids: prefixed, 26 characters, in the order of their milliseconds."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.ids import ENTROPY_BYTES, new_id, suffix

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST_MS = 4_102_444_800_000  # the year 2100
NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)

milliseconds = st.integers(0, LATEST_MS - 1)
entropies = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)


def at(millisecond: int, microseconds: int = 0) -> datetime:
    """Return a moment by its distance from the epoch."""
    return EPOCH + timedelta(milliseconds=millisecond, microseconds=microseconds)


@given(milliseconds, entropies, st.sampled_from(["job", "acct", "key", "tr"]))
def test_an_id_is_its_prefix_and_26_characters(ms: int, entropy: bytes, prefix: str) -> None:
    """Every id is `prefix_` and 26 characters of lower-case Crockford base 32."""
    head, _, tail = new_id(prefix, at(ms), entropy).partition("_")
    assert head == prefix
    assert len(tail) == 26
    assert set(tail) <= set(CROCKFORD)


@given(milliseconds, milliseconds, entropies, entropies)
def test_ids_sort_as_their_times_do(one: int, other: int, first: bytes, second: bytes) -> None:
    """An id of an earlier millisecond is smaller, whatever their random parts are."""
    earlier, later = sorted((one, other))
    if earlier != later:
        assert new_id("job", at(earlier), first) < new_id("job", at(later), second)


@pytest.mark.parametrize("second", [NOW.replace(year=year) for year in (1999, 2026, 2038, 2039)])
def test_no_millisecond_is_taken_for_its_neighbour(second: datetime) -> None:
    """The ids of every millisecond of a second sort strictly, in any decade."""
    largest, smallest = b"\xff" * ENTROPY_BYTES, b"\0" * ENTROPY_BYTES
    moments = [second + timedelta(milliseconds=ms) for ms in range(1_001)]
    for earlier, later in pairwise(moments):
        assert new_id("job", earlier, largest) < new_id("job", later, smallest)


@given(milliseconds, st.integers(0, 999), st.integers(0, 999), entropies)
def test_microseconds_do_not_count(ms: int, one: int, other: int, entropy: bytes) -> None:
    """Two moments of one millisecond give the same time part."""
    assert new_id("job", at(ms, one), entropy) == new_id("job", at(ms, other), entropy)


@given(milliseconds, entropies, entropies)
def test_ids_of_one_millisecond_differ_by_their_entropy(
    ms: int, first: bytes, second: bytes
) -> None:
    """Not one random bit is lost: ids of one moment are equal only if their entropy is."""
    assert (new_id("job", at(ms), first) == new_id("job", at(ms), second)) == (first == second)


def test_the_layout_is_that_of_a_ulid() -> None:
    """48 bits of milliseconds come first, then 80 bits of entropy."""
    made = suffix(new_id("job", at(1_469_918_176_385), bytes(9) + b"\x01"))
    assert made == "01aryz6s41" + "0" * 15 + "1"


@pytest.mark.parametrize("length", [0, ENTROPY_BYTES - 1, ENTROPY_BYTES + 1])
def test_entropy_of_another_length_is_refused(length: int) -> None:
    """An id made of too little or too much entropy is a programming error."""
    with pytest.raises(AssertionError):
        new_id("job", NOW, bytes(length))


def test_the_suffix_is_what_stands_behind_the_prefix() -> None:
    """The prefix ends at the first underscore."""
    assert suffix("job_01jd") == "01jd"
