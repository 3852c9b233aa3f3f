"""Slots: how many calls at once, and for whom."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.domain.job import Lane
from workers.slots import Slots

BATCH, INTERACTIVE = Lane.BATCH, Lane.INTERACTIVE
SOON_S = 0.02
LONG_S = 10.0


def test_slots_are_taken_up_to_what_is_free() -> None:
    """Who asks for more than there is gets the rest, and then nothing."""
    slots = Slots(10, batch_max=10)
    asked = (6, 6, 6)
    assert [slots.take(INTERACTIVE, n, patience_s=SOON_S) for n in asked] == [6, 4, 0]
    assert (slots.used, slots.free) == (10, 0)


def test_batch_lines_leave_a_share_to_others() -> None:
    """Batch lines take their part at most; an interactive call finds the rest free."""
    slots = Slots(10, batch_max=7)
    assert slots.take(BATCH, 50, patience_s=SOON_S) == 7
    assert slots.take(BATCH, 1, patience_s=SOON_S) == 0
    assert slots.take(INTERACTIVE, 50, patience_s=SOON_S) == 3


def test_interactive_calls_may_take_all() -> None:
    """Interactive calls are bounded by the slots alone, and batch lines wait then."""
    slots = Slots(10, batch_max=7)
    assert slots.take(INTERACTIVE, 50, patience_s=SOON_S) == 10
    assert slots.take(BATCH, 1, patience_s=SOON_S) == 0


def test_what_is_given_back_is_free_for_its_lane() -> None:
    """A batch line's slot counts against the batch lines' part until it is given back."""
    slots = Slots(4, batch_max=2)
    slots.take(BATCH, 2, patience_s=SOON_S)
    slots.give(BATCH, 1)
    assert slots.take(BATCH, 2, patience_s=SOON_S) == 1
    slots.give(BATCH, 2)
    assert (slots.used, slots.free) == (0, 4)


def test_giving_nothing_changes_nothing() -> None:
    """No slot comes out of nowhere."""
    slots = Slots(2, batch_max=2)
    slots.give(BATCH, 0)
    assert slots.take(BATCH, 9, patience_s=SOON_S) == 2


@pytest.mark.parametrize("lane", [BATCH, INTERACTIVE])
def test_who_waits_gets_what_comes_free(lane: Lane) -> None:
    """A slot that is given back wakes a waiter at once."""
    slots = Slots(1, batch_max=1)
    slots.take(INTERACTIVE, 1, patience_s=SOON_S)
    begun = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(slots.take, lane, 5, patience_s=LONG_S)
        slots.give(INTERACTIVE, 1)
        assert waiting.result(LONG_S / 2) == 1
    assert time.monotonic() - begun < LONG_S / 2


def test_patience_ends() -> None:
    """Who found nothing in time goes away with nothing, neither sooner nor much later."""
    slots = Slots(1, batch_max=1)
    slots.take(BATCH, 1, patience_s=SOON_S)
    begun = time.monotonic()
    assert slots.take(BATCH, 1, patience_s=0.2) == 0
    assert 0.2 <= time.monotonic() - begun < 1


def test_closing_sends_everybody_home() -> None:
    """Who waits learns at once that there will be no more slots, and nobody takes one after."""
    slots = Slots(2, batch_max=1)
    slots.take(INTERACTIVE, 2, patience_s=SOON_S)
    with ThreadPoolExecutor(3) as pool:
        waiting = [
            pool.submit(slots.take, lane, 1, patience_s=LONG_S) for lane in (BATCH, INTERACTIVE)
        ]
        slots.close()
        assert [each.result(LONG_S / 2) for each in waiting] == [0, 0]
    slots.give(INTERACTIVE, 2)
    assert slots.take(INTERACTIVE, 1, patience_s=SOON_S) == 0


def test_many_threads_never_take_more_than_there_is() -> None:
    """With 16 threads that take and give, the count is right in the end, and never beyond."""
    slots = Slots(5, batch_max=3)

    def work(number: int) -> bool:
        lane = BATCH if number % 2 else INTERACTIVE
        within = True
        for _ in range(200):
            taken = slots.take(lane, 2, patience_s=LONG_S)
            within = within and 0 < taken <= 2 and 0 <= slots.free <= 5
            slots.give(lane, taken)
        return within

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(16), timeout=60))
    assert (slots.used, slots.free) == (0, 5)
    assert slots.take(BATCH, 9, patience_s=SOON_S) == 3
