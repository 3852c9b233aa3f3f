"""Replenishment as pure rules: what a failure does, and how a purchase moves."""

from dataclasses import replace
from typing import Final

import pytest

from app.domain.replenishing.policy import Policy, setback, unlocked
from app.domain.replenishing.purchase import (
    ASK_FOR_S,
    NEXT,
    UNDER_WAY,
    Absent,
    Bought,
    Declined,
    FailureReason,
    PurchaseState,
    Step,
    Unknown,
    after_look_up,
    after_repetition,
    first_step,
)

POLICY: Final = Policy(threshold_nanos=5, amount_nanos=20, monthly_cap_nanos=200)


@pytest.mark.parametrize("reason", list(FailureReason))
def test_failures_of_the_source_lock(reason: FailureReason) -> None:
    """The third in a row locks; what the rules forbid, or nobody heard, does not count."""
    twice = replace(POLICY, failures=2)
    found = setback(twice, reason)
    unjudged = {
        FailureReason.MONTHLY_CAP_REACHED,
        FailureReason.WITHDRAWN,
        FailureReason.UNREACHABLE,
    }
    assert found.is_newly_locked == found.is_locked == (reason not in unjudged)
    assert not setback(replace(POLICY, failures=1), reason).is_locked
    again = setback(replace(twice, failures=3, is_locked=True), reason)
    assert (again.is_locked, again.is_newly_locked) == (True, False)


def test_an_operator_unlocks_to_a_clean_slate() -> None:
    """What was counted is forgotten; the rules are what they were."""
    worn = replace(POLICY, failures=3, failing_s=99, cooling_s=9, is_locked=True)
    assert unlocked(worn) == POLICY


def test_every_state_has_its_moves() -> None:
    """What is done does not move; what has failed only where it turns out to be charged."""
    assert set(NEXT) == set(PurchaseState)
    assert not NEXT[PurchaseState.DONE]
    assert NEXT[PurchaseState.FAILED] == {PurchaseState.DONE}
    assert all(NEXT[state] for state in UNDER_WAY)


def test_what_was_asked_for_before_is_looked_up() -> None:
    """Only a purchase that nobody has asked for is asked for straight away."""
    assert first_step(PurchaseState.REQUESTED) is Step.BUY
    assert first_step(PurchaseState.BUYING) is Step.LOOK_UP
    assert first_step(PurchaseState.FAILED) is Step.LOOK_UP


@pytest.mark.parametrize(
    "found", [Bought(), Declined(reason=FailureReason.CHARGE_DECLINED), Unknown(why="pending")]
)
def test_a_look_up_that_tells_settles_it(found: Bought | Declined | Unknown) -> None:
    """Whatever the source knows is what came of the purchase, however old it is."""
    assert after_look_up(found, age_s=10 * ASK_FOR_S) == found


def test_an_unknown_id_is_asked_for_again_for_a_while() -> None:
    """Soon under the same id; later it has timed out."""
    assert after_look_up(Absent(), age_s=ASK_FOR_S) is None
    timed_out = Declined(reason=FailureReason.TIMED_OUT)
    assert after_look_up(Absent(), age_s=ASK_FOR_S + 1) == timed_out


@pytest.mark.parametrize("reason", [FailureReason.UNREACHABLE, FailureReason.REFUSED])
def test_a_repetition_that_nobody_heard_leaves_it_open(reason: FailureReason) -> None:
    """The first request may still be charged; only the source's own word ends the purchase."""
    assert after_repetition(Declined(reason=reason)) == Unknown(why=reason.value)


@pytest.mark.parametrize(
    "asked", [Bought(), Declined(reason=FailureReason.CHARGE_DECLINED), Unknown(why="pending")]
)
def test_a_repetition_that_is_answered_counts(asked: Bought | Declined | Unknown) -> None:
    """What the source says of the id is so, however often it was asked."""
    assert after_repetition(asked) == asked
