"""How long a job waits before it is tried again."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.backoff import DELAY_MAX_S, FIRST_DELAY_S, RETRY_AFTER_MAX_S, delay_s

failures = st.integers(1, 1_000)
jitters = st.floats(0, 1, exclude_max=True)
waits = st.floats(allow_nan=False)


@given(failures, jitters)
def test_a_delay_is_within_its_bounds(count: int, jitter: float) -> None:
    """The jitter takes away at most half of a delay that doubles up to DELAY_MAX_S."""
    whole = min(DELAY_MAX_S, FIRST_DELAY_S * 2 ** (count - 1))
    assert whole / 2 <= delay_s(count, jitter) <= whole


@given(failures, jitters)
def test_a_delay_never_shrinks_with_more_failures(count: int, jitter: float) -> None:
    """With the same jitter, one failure more waits at least as long."""
    assert delay_s(count, jitter) <= delay_s(count + 1, jitter) <= DELAY_MAX_S


@pytest.mark.parametrize(("count", "whole"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (99, 60)])
def test_delays_double_up_to_a_minute(count: int, whole: float) -> None:
    """1, 2, 4 … 60 seconds without jitter."""
    assert delay_s(count, 0.0) == whole


def test_jitter_spreads_the_jobs_that_failed_together() -> None:
    """A different jitter gives a different delay, with and without a Retry-After."""
    assert delay_s(3, 0.1) != delay_s(3, 0.9)
    assert delay_s(3, 0.1, 10.0) != delay_s(3, 0.9, 10.0)


@given(failures, jitters, waits)
def test_a_retry_after_is_a_floor(count: int, jitter: float, asked: float) -> None:
    """A job waits at least as long as the provider asked, up to RETRY_AFTER_MAX_S."""
    assert delay_s(count, jitter, asked) >= min(max(asked, 0.0), RETRY_AFTER_MAX_S)


@given(failures, jitters, waits)
def test_no_provider_parks_a_job_for_ever(count: int, jitter: float, asked: float) -> None:
    """Whatever a provider asks, the delay stays finite and within half a DELAY_MAX_S of the cap."""
    delay = delay_s(count, jitter, asked)
    assert math.isfinite(delay)
    assert 0 <= delay <= RETRY_AFTER_MAX_S + DELAY_MAX_S / 2


@given(failures, jitters, st.floats(0, RETRY_AFTER_MAX_S))
def test_jitter_comes_on_top_of_a_retry_after(count: int, jitter: float, asked: float) -> None:
    """What is added is at most half of the wait that was asked for, or of a second."""
    added = delay_s(count, jitter, asked) - asked
    assert added <= max(asked, FIRST_DELAY_S) / 2 + 1e-9  # the sum itself is rounded
