"""Batch lines at the intake: a backlog, a feeder, and room for others."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from app.domain.job import Lane
from app.gateway import Gateway
from tests.factories import Customer
from tests.services.book import rung
from tests.services.faults import away
from tests.simulator.running import eventually
from tests.workers.intake.desk import DeskOf, Open, has_launched, stuck, submitted

BATCH, CALL = Lane.BATCH, Lane.INTERACTIVE


def test_batch_lines_do_not_keep_their_thread(
    gateway: Gateway, open_another: Open, customer: Customer, desk_of: DeskOf
) -> None:
    """A batch message is taken before its lines have started, and they start all the same."""
    ids = submitted(gateway, customer, 5, lane=Lane.BATCH)
    desk = desk_of(gateway)
    with stuck(open_another()):
        desk.offer(*ids, lane=Lane.BATCH)
        assert desk.launched == []
    assert eventually(lambda: sorted(desk.launched) == sorted(ids))


def test_batch_lines_start_as_slots_come_free(
    gateway: Gateway, customer: Customer, desk_of: DeskOf
) -> None:
    """With one slot the lines of a message start one after the other."""
    ids = submitted(gateway, customer, 3, lane=Lane.BATCH)
    desk = desk_of(gateway, slots=1)
    desk.offer(*ids, lane=Lane.BATCH)
    for count in (1, 2, 3):
        assert eventually(partial(has_launched, desk, count))
        desk.slots.give(Lane.BATCH, 1)
    assert desk.launched == ids


def test_batch_lines_that_find_no_room_go_back(
    narrow: Gateway, open_another: Open, customer: Customer, desk_of: DeskOf
) -> None:
    """While enough lines wait already, further messages go back to where others hear them."""
    ids = submitted(narrow, customer, 3, lane=Lane.BATCH)
    desk = desk_of(narrow)
    with stuck(open_another()):
        desk.offer(ids[0], lane=Lane.BATCH)
        assert eventually(lambda: desk.slots.used == 1)
        desk.offer(ids[1], lane=Lane.BATCH)
        desk.offer(ids[2], lane=Lane.BATCH)
        assert rung(narrow, Lane.BATCH) == [[ids[2]]]
    assert eventually(lambda: sorted(desk.launched) == ids[:2])


def test_batch_messages_leave_threads_to_others(
    narrow: Gateway, open_another: Open, customer: Customer, desk_of: DeskOf
) -> None:
    """Batch messages that wait for room hold half of the threads at most."""
    ids = submitted(narrow, customer, 6, lane=Lane.BATCH)
    desk = desk_of(narrow)
    with ThreadPoolExecutor(4) as pool, stuck(open_another()):
        desk.offer(ids[0], lane=Lane.BATCH)
        assert eventually(lambda: desk.slots.used == 1)
        desk.offer(ids[1], lane=Lane.BATCH)
        waiting = [pool.submit(desk.offer, job_id, lane=Lane.BATCH) for job_id in ids[2:]]
        for each in waiting:
            each.result(10)
        back = [job_id for message in rung(narrow, Lane.BATCH) for job_id in message]
        assert sorted(back) == ids[2:]


def test_an_outage_does_not_stop_the_feeder(
    gateway: Gateway, customer: Customer, database_url: str, desk_of: DeskOf
) -> None:
    """Lines that could not be started give their slots back, and the next ones start."""
    ids = submitted(gateway, customer, 3, lane=Lane.BATCH)
    desk = desk_of(gateway)
    with away(database_url):
        desk.offer(*ids, lane=Lane.BATCH)
        assert eventually(lambda: not desk.intake._backlogs[Lane.BATCH] and desk.slots.used == 0)
    desk.offer(*ids, lane=Lane.BATCH)
    assert eventually(lambda: sorted(desk.launched) == ids)


def test_closing_gives_back_what_has_not_started(
    gateway: Gateway, customer: Customer, desk_of: DeskOf
) -> None:
    """Lines that wait for a slot when the worker stops are rung for again, and none is lost."""
    ids = submitted(gateway, customer, 4, lane=Lane.BATCH)
    desk = desk_of(gateway, slots=1)
    desk.offer(*ids, lane=Lane.BATCH)
    assert eventually(partial(has_launched, desk, 1))
    desk.intake.close()
    back = [job_id for message in rung(gateway, Lane.BATCH) for job_id in message]
    assert (sorted(back), desk.launched) == (ids[1:], ids[:1])


def test_what_was_found_due_is_fetched_at_once(
    gateway: Gateway, open_another: Open, customer: Customer, desk_of: DeskOf
) -> None:
    """Whoever looked at the rows is not kept waiting, and brings no id twice; both lanes start."""
    lines, calls = (sorted(submitted(gateway, customer, 3, lane=lane)) for lane in (BATCH, CALL))
    desk = desk_of(gateway)
    with stuck(open_another()):
        assert desk.intake.fetch(BATCH, lines[:1]) == 1
        assert eventually(lambda: desk.slots.used == 1)
        assert [desk.intake.fetch(CALL, calls) for _ in range(2)] == [3, 0]
        assert [desk.intake.fetch(BATCH, lines) for _ in range(2)] == [3, 0]
        assert desk.launched == []
    assert eventually(lambda: sorted(desk.launched) == sorted([*lines, *calls]))
    assert eventually(lambda: desk.slots.used == 6)


def test_no_more_is_fetched_than_there_is_room(
    narrow: Gateway, open_another: Open, customer: Customer, desk_of: DeskOf
) -> None:
    """What finds no place now is found due again later; a closed intake fetches nothing."""
    ids = submitted(narrow, customer, 4)
    desk = desk_of(narrow)
    with stuck(open_another()):
        assert desk.intake.fetch(CALL, ids) == 1
        assert eventually(lambda: desk.slots.used == 1)
        assert desk.intake.fetch(CALL, ids[1:]) == 1
    desk.intake.close()
    assert desk.intake.fetch(CALL, ids) == 0
