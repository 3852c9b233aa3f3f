"""Starts that fail at the intake: for what one job is, for how many there are, for no reason."""

from dataclasses import replace

import pytest

from app.domain.job import Lane
from app.gateway import Gateway
from tests.factories import Customer, make_draft, make_job, submit
from tests.services.book import states
from tests.services.faults import hurried, slow
from tests.simulator.running import eventually
from tests.workers.intake.desk import DeskOf, submitted

BROKEN = "text-standard"
"""An instrument that a catalog of these tests has no routes for."""


@pytest.fixture
def broken(gateway: Gateway) -> Gateway:
    """A gateway on which the start of some jobs breaks with an error nobody planned for."""
    routes = {name: each for name, each in gateway.catalog.routes.items() if name != BROKEN}
    return replace(gateway, catalog=replace(gateway.catalog, routes=routes))


@pytest.mark.parametrize("lane", Lane)
def test_one_that_cannot_start_spares_the_others(
    broken: Gateway,
    customer: Customer,
    desk_of: DeskOf,
    caplog: pytest.LogCaptureFixture,
    lane: Lane,
) -> None:
    """The others of its message start, it is named in the log, and its slot is free again."""
    good = submitted(broken, customer, 6, lane=lane)
    bad = make_job(broken, customer, lane=lane, model=BROKEN)
    desk = desk_of(broken)
    desk.offer(*good[:3], bad, *good[3:], lane=lane)
    assert eventually(lambda: sorted(desk.launched) == good)
    assert eventually(lambda: desk.slots.used == 6)
    assert f"intake.refused jobs=['{bad}']" in caplog.text


def test_the_feeder_outlives_what_it_is_handed(
    broken: Gateway, customer: Customer, desk_of: DeskOf
) -> None:
    """After lines that break each start, the next ones start."""
    desk = desk_of(broken)
    for _ in range(3):
        desk.offer(make_job(broken, customer, lane=Lane.BATCH, model=BROKEN), lane=Lane.BATCH)
    ids = submitted(broken, customer, 2, lane=Lane.BATCH)
    desk.offer(*ids, lane=Lane.BATCH)
    assert eventually(lambda: sorted(desk.launched) == ids)


def test_the_feeder_outlives_a_launch_that_breaks(
    gateway: Gateway, customer: Customer, desk_of: DeskOf, caplog: pytest.LogCaptureFixture
) -> None:
    """Also an error after the start, of the engine's making, ends no thread."""
    desk = desk_of(gateway)
    ids = submitted(gateway, customer, 2, lane=Lane.BATCH)
    desk.refuses.add(ids[0])
    desk.offer(ids[0], lane=Lane.BATCH)
    assert eventually(lambda: "intake.broke" in caplog.text)
    desk.offer(ids[1], lane=Lane.BATCH)
    assert eventually(lambda: desk.launched == ids[1:])


@pytest.mark.parametrize("lane", Lane)
def test_more_than_one_start_can_carry_go_in_halves(
    gateway: Gateway, customer: Customer, desk_of: DeskOf, lane: Lane
) -> None:
    """Jobs that are too many for the time limit start in smaller groups, each once."""
    ids = submitted(gateway, customer, 20, lane=lane)
    desk = desk_of(gateway)
    with slow(gateway, "attempts", row_s=0.05), hurried(gateway, limit_ms=400):
        desk.offer(*ids, lane=lane)
        assert eventually(lambda: sorted(desk.launched) == ids)
    assert desk.slots.used == 20
    assert states(gateway) == {"running": 20}


def test_what_has_started_keeps_its_slots_when_the_rest_fails(
    gateway: Gateway, customer: Customer, desk_of: DeskOf, caplog: pytest.LogCaptureFixture
) -> None:
    """When the database finishes a part of a message only, that part runs and holds its slots."""
    quick = sorted(submitted(gateway, customer, 2))
    drafts = [make_draft(gateway, customer, model=BROKEN) for _ in range(2)]
    stuck = sorted(submit(gateway, customer, drafts).job_ids)
    desk = desk_of(gateway)
    only = slow(gateway, "holds", row_s=5, where=f"new.job_id IN ('{stuck[0]}', '{stuck[1]}')")
    with only, hurried(gateway, limit_ms=400):
        desk.offer(*quick, *stuck)
    assert (sorted(desk.launched), desk.slots.used) == (quick, 2)
    assert "intake.waits jobs=" in caplog.text
