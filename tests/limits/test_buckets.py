"""Requests and tokens a minute: what Redis grants, and what it refuses."""

import pytest

from app.limiter.limiter import Limiter

from .conftest import Open
from .ordering import REQUESTS, TOKENS, Clock, demand, eventually, order


def test_a_minutes_worth_may_come_at_once(limiter: Limiter) -> None:
    """After a quiet minute all requests of a minute are let in, and not one more."""
    asked = order(demand(REQUESTS, 5))
    assert [limiter.take(asked).granted for _ in range(7)] == [True] * 5 + [False] * 2


def test_what_was_used_comes_back_evenly(limiter: Limiter, clock: Clock) -> None:
    """Of 6 requests a minute the next is there after 10 seconds, not at the turn of a minute."""
    assert limiter.take(order(demand(REQUESTS, 6, 6))).granted
    clock.now_s += 9.9
    assert not limiter.take(order(demand(REQUESTS, 6))).granted
    clock.now_s += 0.1
    assert [limiter.take(order(demand(REQUESTS, 6))).granted for _ in range(2)] == [True, False]


def test_a_bucket_holds_no_more_than_a_minutes_worth(limiter: Limiter, clock: Clock) -> None:
    """An hour's silence saves nothing up."""
    limiter.take(order(demand(REQUESTS, 3)))
    clock.now_s += 3_600
    assert not limiter.take(order(demand(REQUESTS, 3, 4))).granted
    assert limiter.take(order(demand(REQUESTS, 3, 3))).granted


def test_a_refusal_takes_nothing(limiter: Limiter) -> None:
    """Whoever hammers a limit does not push the next grant away, nor into debt."""
    for _ in range(50):
        assert not limiter.take(order(demand(TOKENS, 100, 101))).granted
    assert limiter.take(order(demand(TOKENS, 100, 100))).granted


def test_all_limits_grant_or_none_is_used(limiter: Limiter) -> None:
    """What the account refuses, or one measure does, costs the key and the others nothing."""
    key, account = demand(REQUESTS, 10), demand(REQUESTS, 2, account=True)
    tokens = demand(TOKENS, 1_000, 400)
    assert [limiter.take(order(key, account, tokens)).granted for _ in range(4)] == [
        *(True, True, False, False)
    ]
    left = {str(each.limit.measure): each.remaining for each in limiter.take(order(key)).readings}
    assert left == {"requests": 7}
    assert limiter.take(order(demand(TOKENS, 1_000, 200))).granted


def test_keys_of_one_account_share_its_limit_only(limiter: Limiter) -> None:
    """What one key uses is used of the account, and not of the account's other key."""
    account = demand(REQUESTS, 3, account=True)
    first = demand(REQUESTS, 2)
    assert [limiter.take(order(first, account)).granted for _ in range(3)] == [True, True, False]
    assert [limiter.take(order(account)).granted for _ in range(2)] == [True, False]


def test_tokens_are_taken_by_their_number(limiter: Limiter) -> None:
    """A big request takes what it counts for."""
    verdict = limiter.take(order(demand(TOKENS, 1_000, 700)))
    assert verdict.readings[0].remaining == 300
    assert not limiter.take(order(demand(TOKENS, 1_000, 301))).granted


def test_tokens_can_be_given_back(limiter: Limiter) -> None:
    """What a request turned out not to need is there again, and never more than a minute gives."""
    limiter.take(order(demand(TOKENS, 1_000, 700)))
    assert limiter.take(order(demand(TOKENS, 1_000, -700))).granted
    limiter.take(order(demand(TOKENS, 1_000, -700)))
    verdict = limiter.take(order(demand(TOKENS, 1_000, 1_000)))
    assert (verdict.granted, verdict.readings[0].remaining) == (True, 0)


def test_a_refusal_says_when_there_is_enough(limiter: Limiter, clock: Clock) -> None:
    """The wait that is told is neither too short nor longer than it must be."""
    limiter.take(order(demand(TOKENS, 600, 600)))
    (reading,) = limiter.take(order(demand(TOKENS, 600, 50))).readings
    assert reading.wait_s == pytest.approx(5)
    assert reading.reset_s == pytest.approx(60)
    clock.now_s += reading.wait_s - 0.01
    assert not limiter.take(order(demand(TOKENS, 600, 50))).granted
    clock.now_s += 0.02
    assert limiter.take(order(demand(TOKENS, 600, 50))).granted


def test_a_lowered_limit_forgives_what_is_above_it(limiter: Limiter) -> None:
    """Nobody waits longer than a minute because a limit was changed."""
    limiter.take(order(demand(REQUESTS, 1_000, 900)))
    verdict = limiter.take(order(demand(REQUESTS, 10)))
    assert not verdict.granted
    assert verdict.readings[0].wait_s <= 6


def test_a_clock_that_goes_back_grants_nothing_twice(limiter: Limiter, clock: Clock) -> None:
    """Turning the clock back and forth refills no bucket."""
    limiter.take(order(demand(REQUESTS, 60, 60)))
    for _ in range(5):
        clock.now_s -= 30
        assert not limiter.take(order(demand(REQUESTS, 60))).granted
        clock.now_s += 30
        assert not limiter.take(order(demand(REQUESTS, 60))).granted


def test_accounts_do_not_share(open_limiter: Open, clock: Clock) -> None:
    """One account's use is not another's."""
    limiter = open_limiter(clock=clock)
    mine = order(demand(REQUESTS, 1))
    other = type(mine)(account_id="acct_2", demands=mine.demands)
    assert limiter.take(mine).granted
    assert limiter.take(other).granted


def test_redis_has_the_clock(open_limiter: Open) -> None:
    """Without a clock of the test's, what was used comes back as time passes."""
    limiter = open_limiter()
    asked = order(demand(REQUESTS, 1_200, 1_200))
    assert limiter.take(asked).granted
    assert not limiter.take(order(demand(REQUESTS, 1_200, 2))).granted
    assert eventually(lambda: limiter.take(order(demand(REQUESTS, 1_200, 2))).granted)
