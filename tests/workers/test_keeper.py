"""The keeper outlives what its turns run into, and misses no beat for it."""

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from app.domain.job import Lane
from app.gateway import Gateway
from app.services.start import Started
from tests.factories import Customer, answer, make_job, settle_one, start_one
from tests.services.book import job_row, look, rung, silence
from tests.services.faults import away
from tests.simulator.running import eventually
from workers.engine import Engine
from workers.intake import Intake
from workers.keeper import Keeper
from workers.slots import Slots

Open = Callable[..., Gateway]
DeskOf = Callable[..., "Desk"]
WORKER = "tests:1:worker_1"
SOON_S = 15.0
LONG_LEASE_S = 3_000
"""A third of this is longer than any test waits."""
LEADERS = (
    "SELECT pid FROM pg_locks JOIN pg_database ON oid = database"
    " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
)


class Desk:
    """A keeper with all that it speaks to, and the calls it is told are in flight."""

    def __init__(self, gateway: Gateway, heartbeat_file: Path | None) -> None:
        self.held: list[tuple[str, int]] = []
        self.is_broken = False
        slots = Slots(10, batch_max=10)
        self.keeper = Keeper(
            gateway,
            worker_id=WORKER,
            lanes=tuple(Lane),
            held=self._held,
            engine=Engine(gateway, lambda _: None),
            intake=Intake(gateway, slots, _launch_nothing, worker_id=WORKER),
            slots=slots,
            heartbeat_file=heartbeat_file,
        )

    def _held(self) -> Sequence[tuple[str, int]]:
        if self.is_broken:
            raise LookupError("a fault of ours")
        return self.held


@pytest.fixture
def desk_of(gateway: Gateway) -> Iterator[DeskOf]:
    """Make keepers, which are closed in the end."""
    made: list[Desk] = []

    def make_one(gateway: Gateway, heartbeat_file: Path | None = None) -> Desk:
        made.append(Desk(gateway, heartbeat_file))
        return made[-1]

    yield make_one
    for desk in made:
        if desk.keeper._thread.is_alive():
            desk.keeper.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A heartbeat file, in a folder of its own."""
    (tmp_path / "run").mkdir()
    return tmp_path / "run" / "worker-1"


def test_beats_outlive_an_error_nobody_planned_for(
    open_another: Open,
    gateway: Gateway,
    customer: Customer,
    desk_of: DeskOf,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A keeper whose turn breaks says so and goes on; leases are extended as soon as it can."""
    started = start_one(gateway, make_job(gateway, customer), WORKER)
    desk = desk_of(open_another(lease_s=LONG_LEASE_S))
    desk.held, desk.is_broken = [(started.id, started.attempt)], True
    desk.keeper.open()
    assert eventually(lambda: caplog.text.count("keeper.stumbled") >= 2, within_s=SOON_S)
    assert "a fault of ours" in caplog.text
    desk.is_broken = False
    assert eventually(lambda: _has_long_lease(gateway, started.id), within_s=SOON_S)


def test_a_leader_that_stumbles_lets_another_one_lead(
    open_another: Open, gateway: Gateway, customer: Customer, desk_of: DeskOf
) -> None:
    """The lock of a keeper whose turns break is free for a sound one, which rings and sweeps."""
    first = desk_of(open_another(lease_s=1))
    first.keeper.open()
    assert eventually(lambda: look(gateway, LEADERS), within_s=SOON_S)
    first.is_broken = True
    desk_of(gateway).keeper.open()
    line = make_job(gateway, customer, lane=Lane.BATCH)
    assert eventually(lambda: rung(gateway, Lane.BATCH) == [[line]], within_s=SOON_S)
    silence(gateway)
    another = make_job(gateway, customer, lane=Lane.BATCH)
    assert eventually(lambda: rung(gateway, Lane.BATCH) == [[another]], within_s=SOON_S)


def test_a_beat_that_failed_is_due_again_at_once(
    open_another: Open,
    gateway: Gateway,
    customer: Customer,
    desk_of: DeskOf,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After an outage leases are extended in the next turn, not in the next third of a lease."""
    started = start_one(gateway, make_job(gateway, customer), WORKER)
    desk = desk_of(open_another(lease_s=LONG_LEASE_S))
    desk.held = [(started.id, started.attempt)]
    caplog.set_level(logging.WARNING)
    with away(database_url):
        desk.keeper.open()
        assert eventually(lambda: "keeper.waits" in caplog.text, within_s=SOON_S)
    gateway.engine.dispose()
    assert eventually(lambda: _has_long_lease(gateway, started.id), within_s=SOON_S)


def test_a_heartbeat_that_cannot_be_written_stops_nothing(
    gateway: Gateway,
    customer: Customer,
    desk_of: DeskOf,
    file: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With a plain file in the place of its folder the keeper says so once, and leads on."""
    desk = desk_of(gateway, file)
    desk.keeper.open()
    assert eventually(file.exists, within_s=SOON_S)
    shutil.rmtree(file.parent)
    file.parent.touch()
    assert eventually(lambda: "keeper.no_heartbeat" in caplog.text, within_s=SOON_S)
    line = make_job(gateway, customer, lane=Lane.BATCH)
    assert eventually(lambda: rung(gateway, Lane.BATCH) == [[line]], within_s=SOON_S)
    assert "keeper.stumbled" not in caplog.text
    assert caplog.text.count("keeper.no_heartbeat") == 1


def test_a_folder_that_was_removed_is_made_again(
    gateway: Gateway, desk_of: DeskOf, file: Path
) -> None:
    """Whoever tidied up the heartbeats finds them back: nobody takes the worker for stuck."""
    desk_of(gateway, file).keeper.open()
    assert eventually(file.exists, within_s=SOON_S)
    shutil.rmtree(file.parent)
    assert eventually(file.exists, within_s=SOON_S)


def test_heartbeats_go_on_while_postgres_is_away(
    gateway: Gateway, desk_of: DeskOf, file: Path, database_url: str
) -> None:
    """An outage is no reason to kill a worker with answers in its hands: it makes its rounds."""
    desk_of(gateway, file).keeper.open()
    assert eventually(file.exists, within_s=SOON_S)
    beats: set[int] = set()

    def has_beaten() -> bool:
        beats.add(file.stat().st_mtime_ns)
        return len(beats) >= 3

    with away(database_url):
        assert eventually(has_beaten, within_s=SOON_S)


def test_a_job_that_was_settled_is_not_lost(
    open_another: Open,
    gateway: Gateway,
    customer: Customer,
    desk_of: DeskOf,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A job whose settlement comes between two looks of the keeper is not reported as lost."""
    caplog.set_level(logging.WARNING)
    started = start_one(gateway, make_job(gateway, customer), WORKER)
    other = start_one(gateway, make_job(gateway, customer), WORKER)
    settle_one(gateway, started, answer())
    desk = desk_of(open_another(lease_s=1))
    desk.held = [(started.id, started.attempt), (other.id, other.attempt)]
    before = job_row(gateway, other.id).leased_until
    desk.keeper.open()
    assert eventually(lambda: job_row(gateway, other.id).leased_until != before, within_s=SOON_S)
    again = job_row(gateway, other.id).leased_until
    assert eventually(lambda: job_row(gateway, other.id).leased_until != again, within_s=SOON_S)
    assert "lost_leases" not in caplog.text


def _has_long_lease(gateway: Gateway, job_id: str) -> bool:
    left = "SELECT leased_until > now() + interval '2900 s' AS is_long FROM jobs WHERE id = :id"
    return bool(look(gateway, left, id=job_id)[0].is_long)


def _launch_nothing(_jobs: Sequence[Started]) -> None:
    pass
