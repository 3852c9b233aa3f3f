"""What to buy: whole cents, what is lacking, and never more than the month has left."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.money import NANOS_PER_DOLLAR
from app.domain.replenishing.policy import CENT_NANOS, CHARGE_NANOS_MIN, Policy, amount

DOLLARS: Final = NANOS_PER_DOLLAR
POLICY: Final = Policy(
    threshold_nanos=5 * DOLLARS, amount_nanos=20 * DOLLARS, monthly_cap_nanos=200 * DOLLARS
)


@pytest.mark.parametrize(
    ("lacking", "bought", "dollars"),
    [
        (0, 0, 20),
        (19, 0, 20),
        (21, 0, 21),
        (500, 0, 200),
        (500, 150, 50),
        (0, 190, 10),
        (9, 200, 0),
        (5, 1_000, 0),
    ],
)
def test_a_purchase_is_what_is_lacking_within_the_cap(
    lacking: int, bought: int, dollars: int
) -> None:
    """The configured amount or what the waiters lack, never above what the month has left."""
    found = amount(POLICY, lacking_nanos=lacking * DOLLARS, bought_nanos=bought * DOLLARS)
    assert found == dollars * DOLLARS


def test_what_is_lacking_is_rounded_up_to_the_cent() -> None:
    """A card is not charged parts of a cent, and one that is lacking must be there."""
    lacking = 25 * DOLLARS + 123
    found = amount(POLICY, lacking_nanos=lacking, bought_nanos=0)
    assert found == 25 * DOLLARS + CENT_NANOS


def test_what_the_month_has_left_is_rounded_down_to_the_cent() -> None:
    """The cap is never passed, not even by a part of a cent."""
    found = amount(POLICY, lacking_nanos=0, bought_nanos=190 * DOLLARS + 1)
    assert found == 10 * DOLLARS - CENT_NANOS


@pytest.mark.parametrize("left", [1_000, CENT_NANOS, CHARGE_NANOS_MIN - 1])
def test_the_dust_of_a_month_is_not_bought(left: int) -> None:
    """What no card is charged is nothing: the cap is reached."""
    bought = POLICY.monthly_cap_nanos - left
    assert amount(POLICY, lacking_nanos=0, bought_nanos=bought) == 0


def test_who_buys_little_at_a_time_may_buy_little() -> None:
    """An amount below the least charge of cards is what the operator wants; of that no less."""
    little = Policy(threshold_nanos=0, amount_nanos=1, monthly_cap_nanos=5 * CENT_NANOS)
    assert amount(little, lacking_nanos=0, bought_nanos=4 * CENT_NANOS) == CENT_NANOS
    assert amount(little, lacking_nanos=0, bought_nanos=4 * CENT_NANOS + 1) == 0


@given(*[st.integers(1, 10**12)] * 3, st.integers(0, 10**12))
def test_a_purchase_is_whole_cents_within_the_cap(
    configured: int, cap: int, lacking: int, bought: int
) -> None:
    """Whatever is configured, lacking and bought."""
    policy = Policy(threshold_nanos=0, amount_nanos=configured, monthly_cap_nanos=cap)
    found = amount(policy, lacking_nanos=lacking, bought_nanos=bought)
    assert found % CENT_NANOS == 0
    assert 0 <= found <= max(0, cap - bought)
