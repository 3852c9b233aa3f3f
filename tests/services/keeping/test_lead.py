"""One keeper leads."""

from collections.abc import Callable, Iterator

import pytest

from app.gateway import Gateway
from app.services.keeping.lead import Leadership
from tests.services.book import look
from tests.services.faults import at_once, away, terminate

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


def _cut_off_the_leader(gateway: Gateway) -> None:
    (holder,) = look(gateway, HOLDER)
    terminate(gateway, holder.pid)
