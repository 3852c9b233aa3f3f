"""One keeper leads."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.gateway import Gateway
from app.services.keeping import lease
from app.services.keeping.lead import AWAY_S, BEATS_PER_LEASE, Leadership
from app.services.keeping.sweep import sweep
from app.services.start import Started
from app.store import leases
from tests.factories import Customer, answer, make_job, settle_one, start_one
from tests.services.book import job_row, lapse, let_pass, look, standing
from tests.services.faults import at_once, away, terminate
from tests.simulator.running import eventually

Open = Callable[..., Gateway]
Candidate = Callable[[], Leadership]
HOLDER = (
    "SELECT pid FROM pg_locks JOIN pg_database ON oid = database"
    " WHERE locktype = 'advisory' AND granted AND datname = current_database()"
)


@pytest.fixture
def candidate(open_another: Open) -> Iterator[Candidate]:
    """Make keepers, each with the connections of its own process."""
    made: list[Leadership] = []

    def make_one() -> Leadership:
        made.append(Leadership(open_another(pool_size=2)))
        return made[-1]

    yield make_one
    for keeper in made:
        keeper.give_up()


def test_one_of_two_leads(candidate: Candidate) -> None:
    """Who came first leads, and goes on leading; the other one does not."""
    first, second = candidate(), candidate()
    assert [first.held(), second.held(), first.held(), second.held()] == [True, False, True, False]


def test_one_of_many_at_once_leads(candidate: Candidate) -> None:
    """Of eight keepers that look at the same moment one leads."""
    assert sum(at_once(Leadership.held, [candidate() for _ in range(8)])) == 1


def test_who_gives_up_is_followed(candidate: Candidate) -> None:
    """A leader that lets go, even twice, is followed at once by who looks next."""
    first, second = candidate(), candidate()
    assert first.held()
    first.give_up()
    first.give_up()
    assert (second.held(), first.held()) == (True, False)


def test_a_leader_without_its_connection_leads_no_more(
    gateway: Gateway, candidate: Candidate
) -> None:
    """The lock dies with the session: the next one takes over, and the old leader learns it."""
    first, second = candidate(), candidate()
    assert first.held()
    _cut_off_the_leader(gateway)
    assert (second.held(), first.held()) == (True, False)
    assert (second.held(), first.held()) == (True, False)


def test_a_leader_that_hangs_is_followed(
    candidate: Candidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that stands still keeps its connection, but not the lead."""
    monkeypatch.setattr(leases, "LEAD_IDLE_S", 1)
    first, second = candidate(), candidate()
    assert first.held()
    assert eventually(second.held)
    assert not first.held()


def test_a_follower_may_be_idle(candidate: Candidate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is the leader's alone: what looked in vain keeps its connection."""
    monkeypatch.setattr(leases, "LEAD_IDLE_S", 1)
    leader, follower = candidate(), candidate()
    assert (leader.held(), follower.held()) == (True, False)
    with follower._engine.connect() as conn:
        assert conn.execute(text("SHOW idle_session_timeout")).scalar() == "0"


def test_a_lost_lead_can_be_taken_again(gateway: Gateway, candidate: Candidate) -> None:
    """Who lost the lead with its connection is a candidate like any other."""
    keeper = candidate()
    assert keeper.held()
    _cut_off_the_leader(gateway)
    assert [keeper.held(), keeper.held()] == [False, True]


def test_nobody_leads_without_a_database(candidate: Candidate, database_url: str) -> None:
    """While the database is away a keeper does not lead, and leads again when it is back."""
    keeper = candidate()
    assert keeper.held()
    with away(database_url):
        assert [keeper.held() for _ in range(3)] == [False] * 3
    assert keeper.held()


def test_looking_in_vain_holds_no_connection(candidate: Candidate) -> None:
    """A keeper that does not lead looks as often as it likes with the few connections it has."""
    leader, follower = candidate(), candidate()
    assert leader.held()
    assert [follower.held() for _ in range(10)] == [False] * 10


class Clock:
    """A keeper's own clock, which a test moves."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now

    def look(self, keeper: Leadership, seconds: float, *, every_s: float = 1.0) -> None:
        """Let a keeper look for so long, as often as it does."""
        for _ in range(round(seconds / every_s)):
            self.now += timedelta(seconds=every_s)
            keeper.held()


@pytest.fixture
def clock() -> Clock:
    """A clock for keepers."""
    return Clock()


@pytest.fixture
def carried(gateway: Gateway, customer: Customer) -> Started:
    """A job in the hands of a living worker."""
    return start_one(gateway, make_job(gateway, customer))


def test_an_outage_takes_no_job_from_a_living_worker(
    gateway: Gateway, carried: Started, candidate: Candidate, database_url: str
) -> None:
    """Leases that ran out while the database was away last until their workers' next beat."""
    keeper = candidate()
    assert keeper.held()
    lapse(gateway, carried.id)
    with away(database_url):
        assert not keeper.held()
    gateway.engine.dispose()
    assert keeper.held()
    assert sweep(gateway) == 0
    assert lease.extend(gateway, [(carried.id, carried.attempt)]) == set()
    settle_one(gateway, carried, answer())
    assert standing(gateway, carried.id) == ("succeeded", None, 1)


def test_an_outage_spares_the_dead_no_longer_than_a_beat(
    gateway: Gateway, carried: Started, candidate: Candidate, database_url: str
) -> None:
    """Who does not extend its leases within a beat and a margin after the outage is dead."""
    keeper = candidate()
    lapse(gateway, carried.id)
    with away(database_url):
        assert not keeper.held()
    gateway.engine.dispose()
    assert keeper.held()
    beat_s = gateway.settings.lease_s / BEATS_PER_LEASE
    let_pass(gateway, carried.id, "leased_until", beat_s)
    assert (sweep(gateway), keeper.held()) == (0, True)
    let_pass(gateway, carried.id, "leased_until", beat_s / 2)
    assert (sweep(gateway), standing(gateway, carried.id)[0]) == (1, "queued")


def test_a_new_keeper_spares_what_lapsed_before_it(
    gateway: Gateway, carried: Started, candidate: Candidate
) -> None:
    """A process that has just come up cannot know whether the database was there before."""
    lapse(gateway, carried.id)
    assert candidate().held()
    assert sweep(gateway) == 0


def test_who_has_looked_all_the_time_spares_nobody(
    gateway: Gateway, open_another: Open, carried: Started, candidate: Candidate, clock: Clock
) -> None:
    """A keeper that takes the lead without an outage takes a dead worker's jobs at once."""
    first = candidate()
    assert first.held()
    second = Leadership(replace(open_another(pool_size=2), now=clock))
    clock.look(second, gateway.settings.lease_s)
    lapse(gateway, carried.id)
    first.give_up()
    assert eventually(second.held)
    assert sweep(gateway) == 1
    second.give_up()


@pytest.mark.parametrize(("silent_s", "moved"), [(AWAY_S / 2, 1), (60.0, 0)])
def test_a_leader_that_was_silent_spares_like_one_that_comes_back(
    gateway: Gateway,
    open_another: Open,
    carried: Started,
    clock: Clock,
    silent_s: float,
    moved: int,
) -> None:
    """A database that hung for long, and lost no connection, was away too; a pause is no outage."""
    keeper = Leadership(replace(open_another(pool_size=2), now=clock))
    assert keeper.held()
    clock.look(keeper, gateway.settings.lease_s)
    lapse(gateway, carried.id)
    clock.look(keeper, silent_s, every_s=silent_s)
    assert sweep(gateway) == moved
    keeper.give_up()


def test_a_lease_that_lasts_is_not_cut(
    gateway: Gateway, carried: Started, candidate: Candidate
) -> None:
    """Sparing gives time and never takes any."""
    until = job_row(gateway, carried.id).leased_until
    assert candidate().held()
    assert job_row(gateway, carried.id).leased_until == until


def _cut_off_the_leader(gateway: Gateway) -> None:
    (holder,) = look(gateway, HOLDER)
    terminate(gateway, holder.pid)
