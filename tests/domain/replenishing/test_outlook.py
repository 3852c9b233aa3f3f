"""503 or 402, as a pure rule: whether a balance that is too small will change by itself."""

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.hold import draw_parts
from app.domain.lots import NEVER, Lot
from app.domain.money import NANOS_PER_DOLLAR
from app.domain.pricing import Price, Usage
from app.domain.replenishing.outlook import Hindrance, Outlook, Prospect, Standing, outlook
from app.domain.replenishing.policy import FAILING_S_MAX, Policy

DOLLARS: Final = NANOS_PER_DOLLAR
POLICY: Final = Policy(
    threshold_nanos=5 * DOLLARS, amount_nanos=20 * DOLLARS, monthly_cap_nanos=200 * DOLLARS
)
POOR: Final = Standing(settled_nanos=0, policy=POLICY)
LONG: Final = FAILING_S_MAX + 1

BOUND: Final = Usage(input_tokens=4, output_tokens=2)
PRICE: Final = Price(input_nanos=DOLLARS * 10**6, output_nanos=3 * DOLLARS * 10**6)
"""A job that may cost ten dollars: 4 tokens in at one, 2 out at three."""

SOON, HOLDS, EMPTY = Prospect.REPLENISHING, Prospect.HOLDS, Prospect.EMPTY


def with_policy(**changes: object) -> Standing:
    """Return a poor account whose policy differs."""
    return replace(POOR, policy=replace(POLICY, **changes))  # type: ignore[arg-type]


def with_dollars(standing: Standing, **dollars: int) -> Standing:
    """Return an account that differs in amounts."""
    return replace(standing, **{f"{name}_nanos": n * DOLLARS for name, n in dollars.items()})  # type: ignore[arg-type]


RUNNING: Final = replace(POOR, under_way_s=1)
FAILED_LONG_AGO: Final = with_policy(failures=2, failing_s=20 * LONG)


@pytest.mark.parametrize(
    ("standing", "prospect", "hindrance"),
    [
        (POOR, SOON, None),
        (with_dollars(POOR, settled=9), SOON, None),
        (replace(POOR, policy=None), EMPTY, Hindrance.NO_POLICY),
        (replace(POOR, has_source=False), EMPTY, Hindrance.NO_SOURCE),
        (with_policy(is_locked=True), EMPTY, Hindrance.LOCKED),
        (with_policy(cooling_s=60), SOON, None),
        (with_policy(cooling_s=FAILING_S_MAX), SOON, None),
        (with_policy(cooling_s=LONG), EMPTY, Hindrance.COOLING),
        (with_dollars(with_policy(cooling_s=LONG), settled=10), HOLDS, None),
        (with_policy(failures=2, failing_s=299), SOON, None),
        (with_policy(failures=2, failing_s=LONG), EMPTY, Hindrance.FAILING),
        (replace(FAILED_LONG_AGO, rested_s=FAILING_S_MAX), EMPTY, Hindrance.FAILING),
        (replace(FAILED_LONG_AGO, rested_s=LONG), SOON, None),
        (with_dollars(replace(POOR, under_way_s=4), under_way=20), SOON, None),
        (with_dollars(replace(POOR, under_way_s=LONG), under_way=20), EMPTY, Hindrance.FAILING),
        (with_dollars(POOR, bought=190), SOON, None),
        (with_dollars(POOR, bought=191), EMPTY, Hindrance.CAP),
        (with_dollars(POOR, bought=200), EMPTY, Hindrance.CAP),
        (with_dollars(RUNNING, bought=200, under_way=10), SOON, None),
        (with_dollars(RUNNING, bought=200, under_way=9), EMPTY, Hindrance.CAP),
        (with_dollars(POOR, settled=10), HOLDS, None),
        (with_dollars(replace(POOR, policy=None), settled=10), HOLDS, None),
        (with_dollars(POOR, settled=10, bought=200), HOLDS, None),
        (with_dollars(with_policy(is_locked=True), settled=10), HOLDS, None),
        (with_dollars(RUNNING, settled=10, under_way=20), SOON, None),
        (replace(POOR, settled_tokens=6), HOLDS, None),
        (with_dollars(replace(POOR, settled_tokens=5), settled=3), HOLDS, None),
        (with_dollars(replace(POOR, settled_tokens=5), settled=2), SOON, None),
        (with_dollars(replace(POOR, settled_tokens=3, policy=None), worth=99), EMPTY, "no_policy"),
    ],
)
def test_a_caller_without_balance_hears_what_is_so(
    standing: Standing, prospect: Prospect, hindrance: Hindrance | None
) -> None:
    """503 while a purchase runs or can start, or holds are in the way; 402 when nothing changes."""
    found = outlook(standing, BOUND, PRICE, jitter=0)
    assert (found.prospect, found.hindrance) == (prospect, hindrance)
    assert (found.retry_after_s is None) == (prospect is EMPTY)


def a_lot(amount: int, tokens: int | None = None) -> Lot:
    """Return a lot that nobody has drawn from."""
    return Lot(
        id=f"lot_{tokens}",
        account_id="acct_1",
        amount_nanos=amount,
        used_nanos=0,
        held_nanos=0,
        created_at=NEVER,
        expires_at=None,
        instrument=None,
        tokens=tokens,
    )


@given(*[st.integers(1, 400)] * 4, st.integers(1, 500_000))
def test_holds_are_in_the_way_only_of_what_the_lots_would_pay_for(
    sent: int, answered: int, tokens: int, unit_price: int, money: int
) -> None:
    """Where nothing is held, whoever lacks balance never hears that holds are in the way."""
    bound = Usage(input_tokens=sent, output_tokens=answered)
    price = Price(input_nanos=500 * 10**6, output_nanos=2_000 * 10**6)
    of_tokens, of_money = a_lot(tokens * unit_price, tokens), a_lot(money)
    standing = Standing(settled_nanos=money, settled_tokens=tokens)
    found = outlook(standing, bound, price, jitter=0)
    is_covered = draw_parts([of_tokens], [of_money], bound, price) is not None
    assert (found.prospect is HOLDS) == is_covered


@pytest.mark.parametrize(
    ("standing", "jitter", "wait_s"),
    [
        (POOR, 0, 2),
        (POOR, 0.5, 2.5),
        (with_policy(cooling_s=12), 0, 12),
        (with_policy(cooling_s=200), 0, 30),
        (with_policy(cooling_s=29), 0.999, 30),
        (with_dollars(replace(POOR, under_way_s=0.1), under_way=20), 0, 2),
        (with_dollars(replace(POOR, under_way_s=10), under_way=20), 0, 10),
        (with_dollars(replace(POOR, under_way_s=299), under_way=20), 0, 30),
        (with_dollars(POOR, settled=10), 0, 2),
        (with_dollars(POOR, settled=10), 0.999, pytest.approx(3, abs=0.01)),
    ],
)
def test_a_caller_hears_when_to_come_back(standing: Standing, jitter: float, wait_s: float) -> None:
    """As long as the purchase may take, spread, from 2 to 30 s; 1 to 10 s for holds."""
    assert outlook(standing, BOUND, PRICE, jitter=jitter).retry_after_s == wait_s


def test_a_cooldown_keeps_the_next_purchase_from_starting() -> None:
    """Only where a purchase may start now is one asked for."""
    assert outlook(POOR, BOUND, PRICE, jitter=0).should_buy
    assert not outlook(with_policy(cooling_s=1), BOUND, PRICE, jitter=0).should_buy
    assert outlook(replace(POOR, policy=None), BOUND, PRICE, jitter=0) == Outlook(
        prospect=EMPTY, hindrance=Hindrance.NO_POLICY
    )
