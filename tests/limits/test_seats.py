"""Calls that are open at once: seats are taken, given back, and never left to the dead."""

import subprocess
import sys
import time

import redis

from app.limiter.limiter import Limiter

from .conftest import Open
from .ordering import CALLS, REQUESTS, TOKENS, Cable, Clock, demand, eventually, order

HOLDER = """
import sys, time
from app.limiter.limiter import Limiter
from tests.limits.ordering import CALLS, demand, order
limiter = Limiter(sys.argv[1], prefix=sys.argv[2], seat_s=0.5)
print(limiter.take(order(demand(CALLS, 1), seat="held")).granted, flush=True)
time.sleep(60)
"""


def test_so_many_calls_and_no_more(limiter: Limiter) -> None:
    """The limit is the number of calls that are open at the same time."""
    taken = [limiter.take(order(demand(CALLS, 2), seat=name)) for name in "abc"]
    assert [each.granted for each in taken] == [True, True, False]
    assert taken[2].seat is None


def test_a_seat_that_is_given_back_is_free_at_once(limiter: Limiter, open_limiter: Open) -> None:
    """Another process may take it right after."""
    other = open_limiter(clock=limiter._clock)
    verdict = limiter.take(order(demand(CALLS, 1), seat="a"))
    assert not other.take(order(demand(CALLS, 1), seat="b")).granted
    assert verdict.seat is not None
    limiter.release(verdict.seat)
    assert other.take(order(demand(CALLS, 1), seat="b")).granted


def test_giving_back_twice_takes_nobody_elses_seat(limiter: Limiter) -> None:
    """The second time is harmless, even when an equal call has the name by then."""
    first = limiter.take(order(demand(CALLS, 1), seat="a"))
    assert first.seat is not None
    limiter.release(first.seat)
    limiter.release(first.seat)
    assert limiter.take(order(demand(CALLS, 1), seat="a")).granted
    assert not limiter.take(order(demand(CALLS, 1), seat="b")).granted


def test_a_seat_counts_for_key_and_account_or_for_neither(limiter: Limiter) -> None:
    """A seat the account refuses is not taken from the key, and comes back to both."""
    key, account = demand(CALLS, 3), demand(CALLS, 1, account=True)
    first = limiter.take(order(key, account, seat="a"))
    assert not limiter.take(order(key, account, seat="b")).granted
    assert first.seat is not None
    limiter.release(first.seat)
    assert limiter.take(order(key, account, seat="b")).granted
    assert [limiter.take(order(key, seat=name)).granted for name in "cde"] == [True, True, False]


def test_equal_calls_have_a_seat_each(limiter: Limiter) -> None:
    """The same request sent twice at once is two calls."""
    taken = [limiter.take(order(demand(CALLS, 2), seat="same")) for _ in range(3)]
    assert [each.granted for each in taken] == [True, True, False]
    assert len({each.seat for each in taken[:2]}) == 2


def test_a_retry_sits_on_the_seat_of_its_first_try(limiter: Limiter) -> None:
    """It costs a request, and neither a second seat nor its tokens again."""
    demands = demand(CALLS, 1), demand(REQUESTS, 10), demand(TOKENS, 100, 60)
    assert limiter.take(order(*demands, seat="a")).granted
    retry = limiter.take(order(*demands, seat="a", joins=True))
    assert (retry.granted, retry.seat) == (True, None)
    left = {str(each.limit.measure): each.remaining for each in retry.readings}
    assert left == {"calls": 0, "requests": 8, "tokens": 40}


def test_a_retry_without_a_first_try_needs_a_seat(limiter: Limiter) -> None:
    """Calling oneself a retry opens no door."""
    assert limiter.take(order(demand(CALLS, 1), seat="a")).granted
    assert not limiter.take(order(demand(CALLS, 1), seat="b", joins=True)).granted


def test_a_seat_nobody_keeps_lapses(limiter: Limiter, open_limiter: Open, clock: Clock) -> None:
    """What a process took that is gone is free after the time a seat lasts."""
    limiter.take(order(demand(CALLS, 1), seat="a"))
    heir = open_limiter(clock=clock)
    clock.now_s += 59
    assert not heir.take(order(demand(CALLS, 1), seat="b")).granted
    clock.now_s += 2
    assert heir.take(order(demand(CALLS, 1), seat="b")).granted


def test_a_living_process_keeps_its_seats(open_limiter: Open) -> None:
    """A stream may be open for many times as long as a seat lasts."""
    holder, other = open_limiter(seat_s=0.3), open_limiter()
    verdict = holder.take(order(demand(CALLS, 1), seat="a"))
    until = time.monotonic() + 1.2
    while time.monotonic() < until:
        assert not other.take(order(demand(CALLS, 1), seat="b")).granted
        time.sleep(0.02)
    assert verdict.seat is not None
    holder.release(verdict.seat)
    assert other.take(order(demand(CALLS, 1), seat="b")).granted


def test_the_seats_of_a_killed_process_come_free(open_limiter: Open, redis_url: str) -> None:
    """`kill -9` leaves no seat taken for good."""
    limiter = open_limiter()
    command = [sys.executable, "-c", HOLDER, redis_url, limiter._prefix]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        assert not limiter.take(order(demand(CALLS, 1), seat="b")).granted
        process.kill()
    assert eventually(lambda: limiter.take(order(demand(CALLS, 1), seat="b")).granted)


def test_seats_that_redis_has_lost_are_written_anew(open_limiter: Open, redis_url: str) -> None:
    """After Redis forgot everything, the calls that are still open count again."""
    holder, other = open_limiter(seat_s=0.3), open_limiter()
    assert holder.take(order(demand(CALLS, 1), seat="a")).granted
    _forget(redis_url, holder._prefix)

    def counts() -> bool:
        verdict = other.take(order(demand(CALLS, 1), seat="b"))
        if verdict.seat is not None:
            other.release(verdict.seat)
        return not verdict.granted

    assert eventually(counts)


def test_nothing_is_kept_after_the_last_seat(open_limiter: Open) -> None:
    """The thread that keeps seats ends when there are none."""
    limiter = open_limiter(seat_s=0.1)
    verdict = limiter.take(order(demand(CALLS, 1), seat="a"))
    assert limiter._keeper is not None
    assert verdict.seat is not None
    limiter.release(verdict.seat)
    assert eventually(lambda: limiter._keeper is None)


def test_a_take_is_one_round_trip_and_so_is_a_release(open_limiter: Open, cable: Cable) -> None:
    """Six limits of key and account are checked and taken by one message."""
    limiter = open_limiter(cable.url)
    demands = [
        demand(measure, 100, account=account)
        for account in (False, True)
        for measure in (REQUESTS, TOKENS, CALLS)
    ]
    limiter.release(limiter.take(order(*demands, seat="warm")).seat or "")
    before = cable.sent
    verdict = limiter.take(order(*demands, seat="a"))
    assert cable.sent == before + 1
    limiter.release(verdict.seat or "")
    assert cable.sent == before + 2


def test_all_keys_of_an_account_lie_together(limiter: Limiter, redis_url: str) -> None:
    """Every key carries the account as its hash tag, as a cluster's one node needs it."""
    limiter.take(order(demand(CALLS, 1), demand(REQUESTS, 9, account=True), seat="a"))
    with redis.Redis.from_url(redis_url) as client:
        keys = list(client.scan_iter(f"{limiter._prefix}*"))
        assert len(keys) == 2
        assert all(b"{acct_1}" in key for key in keys)
        assert all(0 < client.pttl(key) <= 61_000 for key in keys)


def _forget(redis_url: str, prefix: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.delete(*client.scan_iter(f"{prefix}*"))
