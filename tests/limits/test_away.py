"""Redis is away: each process grants its share, and asks Redis again when it is back."""

import threading
import time

import pytest

from app.limiter.limiter import Limiter
from app.limiter.line import PAUSE_S, TIMEOUT_S

from .conftest import Open
from .ordering import CALLS, REQUESTS, TOKENS, Cable, Clock, demand, eventually, order

NOWHERE = "unix:///nowhere/valkey.sock?db=0"


@pytest.fixture
def lonely(open_limiter: Open, clock: Clock) -> Limiter:
    """One of four processes, none of which reaches Redis."""
    return open_limiter(NOWHERE, clock=clock, processes=4)


def test_a_process_grants_its_share(lonely: Limiter) -> None:
    """Of 20 requests a minute one of four processes grants 5: not all, and not none."""
    verdicts = [lonely.take(order(demand(REQUESTS, 20))) for _ in range(7)]
    assert [each.granted for each in verdicts] == [True] * 5 + [False] * 2
    assert all(each.alone for each in verdicts)


@pytest.mark.parametrize("measure", [REQUESTS, TOKENS, CALLS])
def test_a_share_is_never_nothing(lonely: Limiter, measure: object) -> None:
    """A limit smaller than the number of processes lets one through in each."""
    asked = demand(measure, 2)  # type: ignore[arg-type]
    assert [lonely.take(order(asked, seat=name)).granted for name in "ab"] == [True, False]


def test_a_share_comes_back_evenly(lonely: Limiter, clock: Clock) -> None:
    """What a process used alone comes back at the pace of its share."""
    assert lonely.take(order(demand(REQUESTS, 24, 6))).granted
    clock.now_s += 9.9
    assert not lonely.take(order(demand(REQUESTS, 24))).granted
    clock.now_s += 0.2
    assert lonely.take(order(demand(REQUESTS, 24))).granted


def test_what_fits_the_limit_fits_an_empty_share(lonely: Limiter) -> None:
    """A request larger than the share takes all of it, instead of never being let in."""
    assert lonely.take(order(demand(TOKENS, 1_000, 900))).granted
    assert not lonely.take(order(demand(TOKENS, 1_000, 1))).granted


def test_all_limits_grant_or_none_is_used_alone(lonely: Limiter) -> None:
    """A refusal by the account costs the key nothing here either."""
    key, account = demand(REQUESTS, 40), demand(REQUESTS, 8, account=True)
    assert [lonely.take(order(key, account)).granted for _ in range(3)] == [True, True, False]
    assert lonely.take(order(key)).readings[0].remaining == 7


def test_seats_are_counted_and_given_back_alone(lonely: Limiter) -> None:
    """A process knows how many calls it has open itself."""
    taken = [lonely.take(order(demand(CALLS, 8), seat=name)) for name in "abc"]
    assert [each.granted for each in taken] == [True, True, False]
    lonely.release(taken[0].seat or "")
    assert lonely.take(order(demand(CALLS, 8), seat="c")).granted


def test_equal_calls_and_retries_have_their_seats_alone(lonely: Limiter) -> None:
    """Equal calls sit apart, and a retry sits with its first try."""
    first, second = (lonely.take(order(demand(CALLS, 8), seat="a")) for _ in range(2))
    assert first.granted
    assert second.granted
    assert first.seat != second.seat
    retry = lonely.take(order(demand(CALLS, 8), seat="a", joins=True))
    assert (retry.granted, retry.seat) == (True, None)
    assert not lonely.take(order(demand(CALLS, 8), seat="b", joins=True)).granted


def test_seats_taken_before_the_outage_count_in_it(open_limiter: Open, cable: Cable) -> None:
    """Losing Redis opens no door: what is open here stays counted."""
    limiter = open_limiter(cable.url)
    assert limiter.take(order(demand(CALLS, 1), seat="a")).granted
    cable.cut()
    assert not limiter.take(order(demand(CALLS, 1), seat="b")).granted


def test_redis_decides_again_when_it_is_back(open_limiter: Open, cable: Cable) -> None:
    """After an outage the common count holds again, within a second or so."""
    limiter = open_limiter(cable.url)
    asked = order(demand(REQUESTS, 1_000_000))
    assert not limiter.take(asked).alone
    cable.cut()
    assert limiter.take(asked).alone
    cable.mend()
    began = time.monotonic()
    assert eventually(lambda: not limiter.take(asked).alone)
    assert time.monotonic() - began < PAUSE_S + TIMEOUT_S


def test_an_outage_costs_no_time(open_limiter: Open) -> None:
    """While Redis is away a request is decided at once; it is looked for now and then."""
    limiter = open_limiter(NOWHERE)
    asked = order(demand(REQUESTS, 1_000_000))
    limiter.take(asked)
    began = time.monotonic()
    for _ in range(500):
        limiter.take(asked)
    assert time.monotonic() - began < 0.5


def test_a_redis_that_hangs_holds_up_few(open_limiter: Open, cable: Cable) -> None:
    """Whoever waits for a dead Redis waits for its time-out once; then one call a second does."""
    limiter = open_limiter(cable.url)
    asked = order(demand(REQUESTS, 1_000_000))
    limiter.take(asked)
    cable.go_dead()
    began = time.monotonic()
    assert [limiter.take(asked).alone for _ in range(50)] == [True] * 50
    assert time.monotonic() - began < 2 * TIMEOUT_S


def test_a_seat_that_ended_in_an_outage_is_given_back(open_limiter: Open, cable: Cable) -> None:
    """When Redis returns with its memory, ended calls do not stay counted for a minute."""
    limiter, other = open_limiter(cable.url), open_limiter()
    verdict = limiter.take(order(demand(CALLS, 1), seat="a"))
    cable.cut()
    assert limiter.take(order(demand(REQUESTS, 9))).alone
    limiter.release(verdict.seat or "")
    assert not other.take(order(demand(CALLS, 1), seat="b")).granted
    cable.mend()

    def is_free() -> bool:
        limiter.take(order(demand(REQUESTS, 1_000_000)))
        return other.take(order(demand(CALLS, 1), seat="b")).granted

    assert eventually(is_free)


def test_a_seat_taken_in_an_outage_counts_after_it(open_limiter: Open, cable: Cable) -> None:
    """A stream that began without Redis is one of the open ones when Redis is back."""
    cable.cut()
    limiter, other = open_limiter(cable.url, seat_s=0.6), open_limiter()
    assert limiter.take(order(demand(CALLS, 1), seat="a")).alone
    cable.mend()

    def counts() -> bool:
        verdict = other.take(order(demand(CALLS, 1), seat="b"))
        other.release(verdict.seat or "")
        return not verdict.granted

    assert eventually(counts)


def test_many_threads_share_what_is_left(open_limiter: Open, clock: Clock) -> None:
    """Processes and threads that ask at the same moment get the limit together, and no more."""
    limiters = [open_limiter(clock=clock) for _ in range(4)]
    asked = order(demand(REQUESTS, 50), demand(TOKENS, 1_000, 10, account=True))
    granted: list[bool] = []

    def hammer(limiter: Limiter) -> None:
        granted.extend(limiter.take(asked).granted for _ in range(20))

    threads = [threading.Thread(target=hammer, args=(each,)) for each in limiters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert granted.count(True) == 50
