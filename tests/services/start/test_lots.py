"""Which lots a hold draws from, in which order, and what their end means."""

from app.domain.attempt import Interrupted
from app.gateway import Gateway
from app.services import read
from app.services.start import start
from tests.factories import (
    WORKER,
    answer,
    make_customer,
    make_job,
    settle_one,
    start_one,
)
from tests.services.book import (
    COST_NANOS,
    HOLD_NANOS,
    captures,
    change,
    lot,
    make_lot,
    standing,
)

HALF = HOLD_NANOS // 2
DAY_S = 86_400.0


def test_the_nearest_expiry_is_drawn_first(gateway: Gateway) -> None:
    """What ends soonest is used first, whatever is older; what never ends comes last."""
    owner = make_customer(gateway, "0")
    never = make_lot(gateway, owner, HALF)
    later = make_lot(gateway, owner, HALF, ends_in_s=2 * DAY_S)
    soon = make_lot(gateway, owner, HALF - 100, ends_in_s=DAY_S)
    parts = start_one(gateway, make_job(gateway, owner)).hold.parts
    assert [(part.lot_id, part.nanos) for part in parts] == [
        (soon, HALF - 100),
        (later, HALF),
        (never, 100),
    ]


def test_among_equals_the_oldest_is_drawn_first(gateway: Gateway) -> None:
    """Lots with the same end are used in the order in which they were credited."""
    owner = make_customer(gateway, "0")
    lots = sorted(make_lot(gateway, owner, HALF, ends_in_s=DAY_S) for _ in range(3))
    change(gateway, "UPDATE lots SET expires_at = timestamptz '2100-01-01'")
    parts = start_one(gateway, make_job(gateway, owner)).hold.parts
    assert [part.lot_id for part in parts] == lots[:2]


def test_a_lot_that_has_ended_is_not_drawn(gateway: Gateway) -> None:
    """Its money is still on the books, but no new hold may take it."""
    owner = make_customer(gateway, "0")
    ended = make_lot(gateway, owner, ends_in_s=-1)
    job_id = make_job(gateway, owner)
    start(gateway, [job_id], WORKER)
    assert standing(gateway, job_id) == ("waiting", "balance", 0)
    assert lot(gateway, ended) == (0, 0)


def test_a_held_part_outlives_its_lot(gateway: Gateway) -> None:
    """What was held before the lot's end is captured after it."""
    owner = make_customer(gateway, "0")
    ending = make_lot(gateway, owner, ends_in_s=DAY_S)
    started = start_one(gateway, make_job(gateway, owner))
    change(gateway, "UPDATE lots SET expires_at = now() - interval '1 s'")
    settle_one(gateway, started, answer())
    assert lot(gateway, ending) == (0, COST_NANOS)


def test_a_held_part_of_an_ended_lot_serves_the_next_attempt(gateway: Gateway) -> None:
    """A retry keeps its hold on a lot that has ended since the first attempt."""
    owner = make_customer(gateway, "0")
    make_lot(gateway, owner, ends_in_s=DAY_S)
    job_id = make_job(gateway, owner)
    settle_one(gateway, start_one(gateway, job_id), Interrupted(cancelled=False))
    change(gateway, "UPDATE lots SET expires_at = now() - interval '1 s'")
    assert start_one(gateway, job_id).hold.nanos == HOLD_NANOS


def test_a_lot_for_one_instrument_pays_only_for_it(gateway: Gateway) -> None:
    """A scoped lot is passed over by other instruments, and drawn by its own."""
    owner = make_customer(gateway, "0")
    scoped = make_lot(gateway, owner, instrument="code-prime")
    other, own = make_job(gateway, owner), make_job(gateway, owner, model="code-prime")
    assert [job.id for job in start(gateway, [other, own], WORKER).started] == [own]
    assert standing(gateway, other) == ("waiting", "balance", 0)
    assert lot(gateway, scoped)[0] > 0


def test_a_hold_mixes_scoped_and_open_lots(gateway: Gateway) -> None:
    """What a scoped lot cannot cover an open one does."""
    owner = make_customer(gateway, "0")
    scoped = make_lot(gateway, owner, HALF, instrument="text-prime", ends_in_s=DAY_S)
    unbound = make_lot(gateway, owner)
    start_one(gateway, make_job(gateway, owner))
    assert lot(gateway, scoped) == (HALF, 0)
    assert lot(gateway, unbound) == (HOLD_NANOS - HALF, 0)


def test_a_hold_is_spent_in_drawing_order(gateway: Gateway) -> None:
    """The lot drawn first pays first; what it cannot pay the next one does."""
    owner = make_customer(gateway, "0")
    never = make_lot(gateway, owner)
    soon = make_lot(gateway, owner, COST_NANOS - 1_000, ends_in_s=DAY_S)
    job_id = make_job(gateway, owner)
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert captures(gateway, job_id) == {soon: COST_NANOS - 1_000, never: 1_000}
    assert lot(gateway, soon) == (0, COST_NANOS - 1_000)
    assert lot(gateway, never) == (0, 1_000)


def test_a_later_attempt_spends_in_drawing_order_too(gateway: Gateway) -> None:
    """A hold read back by a second attempt still spends what ends soonest first."""
    owner = make_customer(gateway, "0")
    never = make_lot(gateway, owner, HOLD_NANOS - COST_NANOS)
    soon = make_lot(gateway, owner, COST_NANOS, ends_in_s=DAY_S)
    job_id = make_job(gateway, owner)
    settle_one(gateway, start_one(gateway, job_id), Interrupted(cancelled=False))
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert captures(gateway, job_id) == {soon: COST_NANOS}
    assert lot(gateway, never) == (0, 0)


def test_a_lot_that_pays_nothing_has_no_transfer(gateway: Gateway) -> None:
    """A part of a hold that is given back whole leaves no trace in the book."""
    owner = make_customer(gateway, "0")
    soon = make_lot(gateway, owner, HALF, ends_in_s=DAY_S)
    make_lot(gateway, owner)
    job_id = make_job(gateway, owner)
    settle_one(gateway, start_one(gateway, job_id), answer())
    assert captures(gateway, job_id) == {soon: COST_NANOS}


def test_many_small_lots_make_one_hold(gateway: Gateway) -> None:
    """A hold over 50 lots is the sum of its parts, and one balance sees it."""
    owner = make_customer(gateway, "0")
    for _ in range(50):
        make_lot(gateway, owner, HOLD_NANOS // 50)
    started = start_one(gateway, make_job(gateway, owner))
    assert len(started.hold.parts) == 50
    balance = read.balance(gateway, owner.account_id)
    assert (balance.available_nanos, balance.held_nanos) == (0, HOLD_NANOS)
