"""Replenishment as pure rules: what to buy, what a failure does, and 503 or 402."""

from dataclasses import replace
from typing import Final

import pytest

from app.domain.replenishing.outlook import Hindrance, Outlook, Prospect, Standing, outlook
from app.domain.replenishing.policy import FAILING_S_MAX, Policy, amount, setback, unlocked
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
    first_step,
)

POLICY: Final = Policy(threshold_nanos=5, amount_nanos=20, monthly_cap_nanos=200)
POOR: Final = Standing(settled_nanos=0, policy=POLICY)
NEEDED: Final = 10
LONG: Final = FAILING_S_MAX + 1

SOON, HOLDS, EMPTY = Prospect.REPLENISHING, Prospect.HOLDS, Prospect.EMPTY


def with_policy(**changes: object) -> Standing:
    """Return a poor account whose policy differs."""
    return replace(POOR, policy=replace(POLICY, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("standing", "prospect", "hindrance"),
    [
        (POOR, SOON, None),
        (replace(POOR, settled_nanos=9), SOON, None),
        (replace(POOR, policy=None), EMPTY, Hindrance.NO_POLICY),
        (replace(POOR, has_source=False), EMPTY, Hindrance.NO_SOURCE),
        (with_policy(is_locked=True), EMPTY, Hindrance.LOCKED),
        (with_policy(cooling_s=60), SOON, None),
        (with_policy(failures=2, failing_s=299), SOON, None),
        (with_policy(failures=2, failing_s=LONG), EMPTY, Hindrance.FAILING),
        (replace(POOR, under_way_s=4, under_way_nanos=20), SOON, None),
        (replace(POOR, under_way_s=LONG, under_way_nanos=20), EMPTY, Hindrance.FAILING),
        (replace(POOR, bought_nanos=190), SOON, None),
        (replace(POOR, bought_nanos=191), EMPTY, Hindrance.CAP),
        (replace(POOR, bought_nanos=200), EMPTY, Hindrance.CAP),
        (replace(POOR, bought_nanos=200, under_way_s=1, under_way_nanos=10), SOON, None),
        (replace(POOR, bought_nanos=200, under_way_s=1, under_way_nanos=9), EMPTY, Hindrance.CAP),
        (replace(POOR, settled_nanos=10), HOLDS, None),
        (replace(POOR, settled_nanos=10, policy=None), HOLDS, None),
        (replace(POOR, settled_nanos=10, bought_nanos=200), HOLDS, None),
        (replace(with_policy(is_locked=True), settled_nanos=10), HOLDS, None),
        (replace(POOR, settled_nanos=10, under_way_s=1, under_way_nanos=20), SOON, None),
    ],
)
def test_a_caller_without_balance_hears_what_is_so(
    standing: Standing, prospect: Prospect, hindrance: Hindrance | None
) -> None:
    """503 while a purchase runs or can start, or holds are in the way; 402 when nothing changes."""
    found = outlook(standing, NEEDED, jitter=0)
    assert (found.prospect, found.hindrance) == (prospect, hindrance)
    assert (found.retry_after_s is None) == (prospect is EMPTY)


@pytest.mark.parametrize(
    ("standing", "jitter", "wait_s"),
    [
        (POOR, 0, 2),
        (POOR, 0.5, 2.5),
        (with_policy(cooling_s=12), 0, 12),
        (with_policy(cooling_s=600), 0, 30),
        (with_policy(cooling_s=29), 0.999, 30),
        (replace(POOR, under_way_s=0.1, under_way_nanos=20), 0, 2),
        (replace(POOR, under_way_s=10, under_way_nanos=20), 0, 10),
        (replace(POOR, under_way_s=299, under_way_nanos=20), 0, 30),
        (replace(POOR, settled_nanos=10), 0, 2),
        (replace(POOR, settled_nanos=10), 0.999, pytest.approx(3, abs=0.01)),
    ],
)
def test_a_caller_hears_when_to_come_back(standing: Standing, jitter: float, wait_s: float) -> None:
    """As long as the purchase may take, spread, from 2 to 30 s; 1 to 10 s for holds."""
    assert outlook(standing, NEEDED, jitter=jitter).retry_after_s == wait_s


def test_a_cooldown_keeps_the_next_purchase_from_starting() -> None:
    """Only where a purchase may start now is one asked for."""
    assert outlook(POOR, NEEDED, jitter=0).should_buy
    assert not outlook(with_policy(cooling_s=1), NEEDED, jitter=0).should_buy
    assert outlook(replace(POOR, policy=None), NEEDED, jitter=0) == Outlook(
        prospect=EMPTY, hindrance=Hindrance.NO_POLICY
    )


@pytest.mark.parametrize(
    ("lacking", "bought", "nanos"),
    [
        (0, 0, 20),
        (19, 0, 20),
        (21, 0, 21),
        (500, 0, 200),
        (500, 150, 50),
        (0, 190, 10),
        (9, 200, 0),
    ],
)
def test_a_purchase_is_what_is_lacking_within_the_cap(
    lacking: int, bought: int, nanos: int
) -> None:
    """The configured amount or what the waiters lack, never above what the month has left."""
    assert amount(POLICY, lacking_nanos=lacking, bought_nanos=bought) == nanos


def test_a_cap_that_was_lowered_buys_nothing() -> None:
    """Where more was bought than the cap allows now, nothing is left; not less than that."""
    assert amount(POLICY, lacking_nanos=5, bought_nanos=1_000) == 0


@pytest.mark.parametrize("reason", list(FailureReason))
def test_failures_of_the_source_lock(reason: FailureReason) -> None:
    """The third in a row locks; what the rules themselves forbid does not count."""
    twice = replace(POLICY, failures=2)
    found = setback(twice, reason)
    ours = {FailureReason.MONTHLY_CAP_REACHED, FailureReason.WITHDRAWN}
    assert found.is_newly_locked == found.is_locked == (reason not in ours)
    assert not setback(replace(POLICY, failures=1), reason).is_locked
    again = setback(replace(twice, failures=3, is_locked=True), reason)
    assert (again.is_locked, again.is_newly_locked) == (True, False)


def test_an_operator_unlocks_to_a_clean_slate() -> None:
    """What was counted is forgotten; the rules are what they were."""
    worn = replace(POLICY, failures=3, failing_s=99, cooling_s=9, is_locked=True)
    assert unlocked(worn) == POLICY


def test_every_state_has_its_moves() -> None:
    """What has ended does not move, and what is under way does."""
    assert set(NEXT) == set(PurchaseState)
    assert {state for state, moves in NEXT.items() if moves} == UNDER_WAY


def test_what_was_asked_for_before_is_looked_up() -> None:
    """Only a purchase that nobody has asked for is asked for straight away."""
    assert first_step(PurchaseState.REQUESTED) is Step.BUY
    assert first_step(PurchaseState.BUYING) is Step.LOOK_UP


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
