"""A hold is settled once: a part is captured, the rest is given back."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.domain.hold import Capture, Hold, capture
from app.domain.lots import Part
from app.domain.pricing import Price

NANOS_MAX = 10**15


def a_hold(*nanos: int) -> Hold:
    """Return a hold of one part for each amount, drawn in this order."""
    parts = tuple(Part(lot_id=f"lot_{at}", nanos=each) for at, each in enumerate(nanos))
    price = Price(input_nanos=1, output_nanos=1)
    return Hold(job_id="job_1", account_id="acct_1", price=price, parts=parts)


holds = st.lists(st.integers(1, NANOS_MAX), max_size=6).map(lambda nanos: a_hold(*nanos))
costs = st.integers(0, 8 * NANOS_MAX)


@given(holds, costs)
def test_the_cost_is_captured_but_never_more_than_was_held(hold: Hold, cost: int) -> None:
    """Captures sum to the cost, or to the whole hold where the cost is higher."""
    assert sum(each.captured_nanos for each in capture(hold, cost)) == min(cost, hold.nanos)


@given(holds, costs)
def test_every_part_is_accounted_for(hold: Hold, cost: int) -> None:
    """There is one capture for each part, in order, which takes at most what was held of it."""
    captures = capture(hold, cost)
    assert [(each.lot_id, each.held_nanos) for each in captures] == [
        (part.lot_id, part.nanos) for part in hold.parts
    ]
    assert all(0 <= each.captured_nanos <= each.held_nanos for each in captures)


@given(holds, costs)
def test_money_is_spent_in_drawing_order(hold: Hold, cost: int) -> None:
    """A lot pays only after every lot before it has paid its whole part."""
    captures = capture(hold, cost)
    for earlier, later in pairwise(captures):
        assert later.captured_nanos == 0 or earlier.captured_nanos == earlier.held_nanos


def test_a_cost_of_nothing_gives_everything_back() -> None:
    """A job that failed leaves every lot as it was before the hold."""
    assert capture(a_hold(3, 4), 0) == (
        Capture(lot_id="lot_0", held_nanos=3, captured_nanos=0),
        Capture(lot_id="lot_1", held_nanos=4, captured_nanos=0),
    )


def test_the_last_lot_pays_in_part() -> None:
    """What a cost leaves of the lot it reaches goes back."""
    assert capture(a_hold(3, 4, 5), 5) == (
        Capture(lot_id="lot_0", held_nanos=3, captured_nanos=3),
        Capture(lot_id="lot_1", held_nanos=4, captured_nanos=2),
        Capture(lot_id="lot_2", held_nanos=5, captured_nanos=0),
    )


def test_a_hold_of_nothing_captures_nothing() -> None:
    """A free job has a hold without parts."""
    assert a_hold().nanos == 0
    assert capture(a_hold(), 7) == ()
